// A throw-away certificate authority and server certificates for TLS tests: EC P-256, keys as PKCS#8 PEM (which Kafka's
// PEM keystore asks for), names localhost and 127.0.0.1. Written out in DER (RFC 5280), which is short for the one shape
// needed here, and spares the tests a library with a dozen dependencies.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const DAY_MS = 86_400_000;

export interface Certificate {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
}

export interface Authority {
  /** PEM, what clients trust. */
  readonly ca: string;
  /** A certificate for a server on localhost. */
  issue(): Certificate;
}

export function createAuthority(name = 'gbx test authority'): Authority {
  const keys = newKeys();
  const ca = certificate({
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: AUTHORITY_EXTENSIONS,
  });
  return {
    ca,
    issue: () => {
      const own = newKeys();
      const cert = certificate({
        subject: 'localhost',
        issuer: name,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: SERVER_EXTENSIONS,
      });
      return { key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
    },
  };
}

function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

interface CertificateOptions {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certificate({ subject, issuer, publicKey, signingKey, extensions }: CertificateOptions): string {
  const now = Date.now();
  const signed = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(utcTime(now - DAY_MS), utcTime(now + 30 * DAY_MS)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', signed, { key: signingKey, dsaEncoding: 'der' });
  const whole = sequence(signed, ECDSA_WITH_SHA256, der(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Tag, length, contents. */
function der(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), contents]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

/** An object identifier by its encoded bytes in hex. */
function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));
}

/** YYMMDDHHMMSSZ */
function utcTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x17, Buffer.from(text.slice(2)));
}

const TRUE = der(0x01, Buffer.of(0xff));
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));

/** basicConstraints CA:TRUE and keyUsage keyCertSign, both critical. */
const AUTHORITY_EXTENSIONS = [
  sequence(oid('551d13'), TRUE, der(0x04, sequence(TRUE))),
  sequence(oid('551d0f'), TRUE, der(0x04, der(0x03, Buffer.of(2, 0x04)))),
];

/** subjectAltName localhost and 127.0.0.1; extendedKeyUsage serverAuth and clientAuth. */
const SERVER_EXTENSIONS = [
  sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1))))),
  sequence(oid('551d25'), der(0x04, sequence(oid('2b06010505070301'), oid('2b06010505070302')))),
];
