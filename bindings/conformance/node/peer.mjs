// One side of a pair of processes; `../README.md` specifies it in its section on pairs.
//
//     node bindings/conformance/node/peer.mjs ROLE URL

import { createRequire } from 'node:module';

const neo = createRequire(import.meta.url)('../../node/js/index.cjs');

const timeout = 20_000;
const MESSAGES = 257;
const BY_LOAN = 16;
const CALLS = 32;
const SIZES = [0, 1, 64, 200, 256, 1000, 5000, 70000];
const EMPTY = Buffer.alloc(0);

const message = (number) => {
  const data = Buffer.alloc(SIZES[number % SIZES.length]);
  for (let i = 0; i < data.length; i += 1) data[i] = (number + i) % 251;
  return data;
};

async function hear(kernel) {
  const subscription = kernel.subscribe('pair.*', { depth: 32, policy: 'block' });
  const service = kernel.serve('pair');
  console.log('ready');
  let [messages, equal, lost, requests] = [0, 0, 0, 0];
  for (;;) {
    const received = await subscription.recv({ timeout });
    lost += received.lostBefore;
    if (received.topic === 'pair.end') break;
    if (received.topic === 'pair.data' && received.data.equals(message(equal))) equal += 1;
    messages += 1;
  }
  for (let method = ''; method !== 'end'; ) {
    const request = await service.recv({ timeout });
    requests += 1;
    method = request.method;
    if (method === 'reverse') request.reply(Buffer.from(request.data).reverse());
    else if (method === 'end') request.reply(EMPTY);
    else request.replyError('the handler says no');
    request.release();
  }
  console.log(`messages=${messages} equal=${equal} lost=${lost} requests=${requests}`);
}

async function tell(kernel) {
  const publisher = kernel.publisher('pair.data', { sendTimeout: timeout });
  let [accepted, answered] = [0, 0];
  for (let number = 0; number < MESSAGES; number += 1) {
    const payload = message(number);
    if (number < BY_LOAN) {
      const loan = publisher.loan(payload.length);
      payload.copy(loan.data);
      accepted += loan.send().accepted;
    } else {
      accepted += (await publisher.publishAsync(payload)).accepted;
    }
  }
  await kernel.publisher('pair.end').publishAsync(EMPTY, { timeout });
  for (let number = 0; number < CALLS; number += 1) {
    const payload = message(number);
    const reply = await kernel.call('pair', 'reverse', payload, { timeout });
    if (reply.equals(payload.reverse())) answered += 1;
  }
  const failure = await kernel.call('pair', 'fail', EMPTY, { timeout }).then(
    () => 'error=- text=',
    (error) => `error=${error.code} text=${error.message}`,
  );
  await kernel.call('pair', 'end', EMPTY, { timeout });
  console.log(`accepted=${accepted} answered=${answered} ${failure}`);
}

const roles = { hear, tell };
const [role, url, ...rest] = process.argv.slice(2);
if (url === undefined || rest.length > 0 || !Object.hasOwn(roles, role)) {
  console.error('usage: peer.mjs hear|tell URL');
  process.exitCode = 2;
} else {
  const kernel = neo.Kernel.open(url);
  await roles[role](kernel);
  kernel.close();
}
