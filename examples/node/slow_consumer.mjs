// Slow consumers: each subscription says what happens when it is full, and losses are told.
//
//     cargo xtask node && npm install --prefix examples/node && node examples/node/slow_consumer.mjs

import { Kernel } from 'neo-protocol';

const kernel = Kernel.open('mem://');
const open = (policy) => kernel.subscribe('ticks', { depth: 4, policy });
const readers = {
  DropOldest: open('drop_oldest'),
  DropNewest: open('drop_newest'),
  Latest: open('latest'),
};

let dropped = 0;
for (let tick = 1; tick <= 10; tick += 1) dropped += kernel.publish('ticks', Buffer.from([tick])).dropped;

let told = 0;
for (const [policy, subscription] of Object.entries(readers)) {
  const messages = subscription.drain();
  let lost = subscription.takeLost();
  for (const { lostBefore } of messages) lost += lostBefore;
  const ticks = messages.map(({ data }) => data[0]).join(', ');
  console.log(`${policy}: received [${ticks}], lost ${lost}`);
  told += lost;
}
console.log(`the publisher was told of ${dropped} losses, the readers of ${told}`);
kernel.close();
