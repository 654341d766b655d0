// Loans: a large message is written once, in the kernel's memory, and every reader reads it there.
//
//     cargo xtask node && npm install --prefix examples/node && node examples/node/loans.mjs

import { Kernel } from 'neo-protocol';

const SAMPLES = 1 << 16;

const kernel = Kernel.open('mem://');
const readers = ['radar.sweep', 'radar.>'].map((p) => kernel.subscribe(p, { zeroCopy: true }));

const publisher = kernel.publisher('radar.sweep');
const sweep = publisher.loan(SAMPLES);
for (let at = 0; at < SAMPLES; at += 1) sweep.data[at] = at;
sweep.send();
publisher.loan(SAMPLES).abort();

const [first, second] = await Promise.all(readers.map(async (reader) => (await reader.recv()).data));
console.log(`${first.length} bytes, the last is ${first[SAMPLES - 1]}`);
// JavaScript shows no addresses: what is written through one view is seen through the other. Readers
// do not do that elsewhere; the memory is everybody's.
first[0] = 200;
console.log(`both readers read the same memory: ${second[0] === 200}`);
console.log(`left in the queues: ${readers.reduce((sum, reader) => sum + reader.queued, 0)}`);
kernel.close();
