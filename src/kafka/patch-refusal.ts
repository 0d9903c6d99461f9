// kafkajs asks one broker after the other who coordinates a group, and takes a refusal for no answer: a group that is kept from
// the login looked like a cluster that is down, and was waited for. Here the refusal is thrown. Part of patch-kafkajs.ts.
import { protocolTypeOf } from './translate-error.ts';

type Question = (one: { readonly nodeId: string; readonly broker: unknown }) => Promise<unknown>;

interface BrokerPool {
  /** Null where none of the brokers answers. */
  withBroker(question: Question): Promise<unknown>;
}

export function patchRefusal(prototype: BrokerPool): void {
  const original = prototype.withBroker;
  prototype.withBroker = async function withBrokerOrRefusal(this: BrokerPool, question: Question) {
    let refusal: unknown;
    const answer = await original.call(this, async (one) => {
      try {
        return await question(one);
      } catch (error) {
        if (protocolTypeOf(error)?.endsWith('_AUTHORIZATION_FAILED') === true) refusal = error;
        throw error;
      }
    });
    if (answer === null && refusal !== undefined) throw refusal;
    return answer;
  };
}
