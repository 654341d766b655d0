// A service: a worker answers calls; its failures and its absence are the caller's errors.
//
//     cargo xtask node && npm install --prefix examples/node && node examples/node/service.mjs

import { Kernel, NeoError } from 'neo-protocol';

function gate({ method, data }) {
  if (method !== 'of') throw new Error(`no method ${method}`);
  if (data.toString() !== 'AA1') throw new Error(`no gate for ${data}`);
  return Buffer.from('B22');
}

const kernel = Kernel.open('mem://');
const gates = kernel.serve('gates', gate);

console.log(`AA1 leaves from ${await kernel.call('gates', 'of', Buffer.from('AA1'))}`);
for (const [service, flight] of [['gates', 'ZZ9'], ['lounges', 'AA1']]) {
  try {
    await kernel.call(service, 'of', Buffer.from(flight));
  } catch (error) {
    if (!(error instanceof NeoError)) throw error;
    console.log(`${service}: ${error.message}`);
  }
}
kernel.close();
await gates.closeAndJoin();
console.log('the worker ended');
