import { expect, it } from 'vitest';
import { parsePasswd } from '../../src/dev/server-user.ts';

it('parsePasswd() finds users by name and skips what is no entry', () => {
  const users = parsePasswd('# comment\nroot:x:0:0:root:/root:/bin/bash\n\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\nbroken\n');
  expect([...users.keys()]).toEqual(['root', 'nobody']);
  expect(users.get('nobody')).toEqual({ name: 'nobody', uid: 65_534, gid: 65_533 });
});
