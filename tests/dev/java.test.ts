import { expect, it } from 'vitest';
import { parseJavaMajor } from '../../src/dev/java.ts';

it.each([
  ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime', 17],
  ['openjdk version "21" 2023-09-19', 21],
  ['java version "1.8.0_392"', 8],
  ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "24-ea" 2025-03-18', 24],
  ['The operation couldn’t be completed. Unable to locate a Java Runtime.', undefined],
])('parseJavaMajor() of %j is %j', (output, major) => {
  expect(parseJavaMajor(output)).toBe(major);
});
