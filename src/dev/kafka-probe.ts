// Is the broker ready? Asks for metadata in Kafka's own protocol: an open port is not enough, since brokers and topics
// appear a moment later, and the port may be another broker's. By hand, because only src/kafka may use the client, and this is one request.
import { createConnection } from 'node:net';

const METADATA = 3;
const METADATA_VERSION = 2;

interface KafkaProbe {
  /** As `meta.properties` has it. */
  readonly clusterId: string;
  readonly timeoutMs?: number;
}

/**
 * Whether a broker of this cluster answers on this port, with at least one live broker in its metadata. Never throws.
 * Source: the Metadata API, kafka.apache.org/protocol (request and response version 2).
 */
export async function isKafkaReady(port: number, { clusterId, timeoutMs = 1000 }: KafkaProbe): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    let received = Buffer.alloc(0);
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.once('error', () => finish(false)).once('close', () => finish(false));
    socket.once('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      // Whatever else listens there may say anything.
      const isWhole = received.length >= 12 && received.length >= 4 + received.readInt32BE(0);
      // Length, correlation id, then the array of brokers, which starts with its count; the cluster's id stands behind it.
      if (isWhole) finish(received.readInt32BE(8) > 0 && received.includes(clusterId, 12, 'latin1'));
    });
  });
}

/** Length, api key, api version, correlation id 1, client id `gbx`, no topics. */
function metadataRequest(): Buffer {
  const body = Buffer.alloc(17);
  body.writeInt16BE(METADATA, 0);
  body.writeInt16BE(METADATA_VERSION, 2);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(3, 8);
  body.write('gbx', 10, 'latin1');
  body.writeInt32BE(0, 13);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}
