// A subscriber in a process of its own, in JavaScript: a part of `cargo xtask demo`.
//
//     node processes.mjs URL
//
// Adds up every flight on the kernel of URL, day by day. A publisher that takes the place of one
// that was killed says from which day on it publishes again; what had come of that day is then
// forgotten. Prints one line of JSON.

import { Kernel } from 'neo-protocol';

import { DAYS, MINUTES_PER_DAY, Tally, decode } from './month.mjs';

/** How long the month may take, also on a machine that is busy with other things. */
const LIMIT = 60_000;

/** Adds up every flight until the month has ended. */
async function addUp(flights) {
  const days = Array.from({ length: DAYS }, () => new Tally());
  let [received, lost] = [0, 0];
  for await (const { topic, data, lostBefore } of flights) {
    lost += lostBefore;
    if (topic === 'flights.end') break;
    if (topic === 'flights.again') {
      for (let day = data[0]; day < DAYS; day += 1) days[day] = new Tally();
    } else {
      const flight = decode(data);
      days[Math.floor(flight.scheduled / MINUTES_PER_DAY)].add(flight);
      received += 1;
    }
  }
  const { total, carriers } = Tally.merged(days).toJSON();
  return { received, lost, total, carriers, means: {} };
}

if (process.argv.length !== 3) {
  console.error('processes (Node): usage: node processes.mjs URL');
  process.exit(1);
}
const kernel = Kernel.open(process.argv[2]);
const signal = AbortSignal.timeout(LIMIT);
const flights = kernel.subscribe('flights.>', { policy: 'block', depth: 4096, signal });
console.log('ready');
const line = await addUp(flights);
signal.throwIfAborted();
console.log(JSON.stringify(line));
kernel.close();
