// A month of flights through Neo, in JavaScript: a part of `cargo xtask demo`.
//
//     node flights.mjs FILE REPEATS
//
// Publishes every flight of FILE (examples/data/README.md, unpacked) REPEATS times, as fast as it
// goes, to the same subscribers as the demo in Rust: one on all of JFK, a queue group of three on
// everything, a view of the newest of each topic, and one that is too slow on purpose. The service
// `delays` answers with the mean delay of a carrier. All of them share one event loop. Prints one
// line of JSON: what each of them counted.

import { setTimeout as pause } from 'node:timers/promises';

import { ClosedError, Kernel, ServiceError } from 'neo-protocol';

import { Tally, decode, load } from './month.mjs';

const URL = 'mem://flights';
const BATCH = 256;
const SEND_TIMEOUT = 10_000;
const SLOW_PAUSE = 1;

const JFK = { name: 'jfk', pattern: 'flights.JFK.>', policy: 'block', depth: 4096 };
const DESKS = { name: 'desks', pattern: 'flights.>', policy: 'block', depth: 4096, group: 'desks' };
const BOARD = { name: 'board', pattern: 'flights.>', policy: 'latest', depth: 512 };
const SLOW = { name: 'slow', pattern: 'flights.>', policy: 'drop_oldest', depth: 64 };

/** A subscription and what its reader counted. */
class Reader {
  tally = new Tally();
  newest = {};
  received = 0;
  toldLost = 0;

  constructor(role, kernel) {
    const { name, pattern, ...options } = role;
    this.role = role;
    this.subscription = kernel.subscribe(pattern, options);
  }

  #note({ lostBefore }) {
    this.received += 1;
    this.toldLost += lostBefore;
  }

  /** Adds up every flight, a batch at a time, until the kernel closes and nothing is left. */
  async addUp() {
    for await (const batch of this.subscription.batches({ max: BATCH })) {
      for (const message of batch) {
        this.#note(message);
        this.tally.add(decode(message.data));
      }
    }
  }

  /**
   * Takes a message, pauses, takes the next: too slow on purpose. It leaves what waits at the end.
   * `for await` would take some ahead, which the policy could not drop any more.
   */
  async dawdle(kernel) {
    try {
      while (!kernel.closed) {
        const message = await this.subscription.recv();
        this.#note(message);
        decode(message.data);
        await pause(SLOW_PAUSE);
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  /** Takes what changed in the view since the last look. */
  refresh() {
    for (const message of this.subscription.drain()) {
      this.#note(message);
      const { scheduled, departureDelay, arrivalDelay, number } = decode(message.data);
      this.newest[message.topic] = [scheduled, departureDelay, arrivalDelay, number];
    }
  }

  /** What was lost behind the last message is told now. */
  end() {
    this.toldLost += this.subscription.takeLost();
    return this;
  }
}

/** The service: the mean delay of a carrier, by what the desks have added up so far. */
function mean(desks, { method, data }) {
  if (method !== 'mean') throw new Error('it answers `mean` of a carrier');
  const [, departed, minutes] = Tally.merged(desks.map(({ tally }) => tally))
    .carriers.get(data.toString()) ?? [0, 0, 0];
  if (departed === 0) throw new Error('no flight of it departed so far');
  const answer = Buffer.alloc(16);
  answer.writeDoubleLE(minutes / departed, 0);
  answer.writeBigUInt64LE(BigInt(departed), 8);
  return answer;
}

/** What the service says of each carrier; it has no mean of those that never departed. */
async function means(kernel, carriers) {
  const found = {};
  for (const carrier of carriers) {
    try {
      const answer = await kernel.call('delays', 'mean', Buffer.from(carrier));
      found[carrier] = [answer.readDoubleLE(0), Number(answer.readBigUInt64LE(8))];
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
    }
  }
  return found;
}

/** What the kernel counted for a role, beside what its readers did. */
function account(routes, { pattern, policy, group = '' }, readers) {
  const { delivered, lost, timedOut, queued } = routes.find(
    (route) => route.pattern === pattern && route.policy === policy && route.group === group,
  );
  const sum = (count) => readers.reduce((all, reader) => all + count(reader), 0);
  return {
    received: sum((reader) => reader.received),
    told_lost: sum((reader) => reader.toldLost),
    delivered,
    lost,
    timed_out: timedOut,
    queued,
  };
}

async function publish(rows, repeats, board) {
  const told = { published: 0, dropped: 0, timed_out: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const { publisher, message } of rows) {
      const { dropped, timedOut } = await publisher.publishAsync(message);
      told.published += 1;
      told.dropped += dropped;
      told.timed_out += timedOut;
    }
    board.refresh();
  }
  return told;
}

async function play(flights, repeats) {
  const kernel = Kernel.open(URL);
  // The subscribers' own open of it: closing it lets them finish what is queued.
  const own = Kernel.open(URL);
  const [jfk, board, slow, ...desks] = [JFK, BOARD, SLOW, DESKS, DESKS, DESKS].map(
    (role) => new Reader(role, own),
  );
  kernel.serve('delays', (request) => mean(desks, request));
  const publishers = new Map();
  for (const { topic } of flights) {
    if (publishers.has(topic)) continue;
    publishers.set(topic, kernel.publisher(topic, { sendTimeout: SEND_TIMEOUT }));
  }
  const rows = flights.map(({ topic, message }) => ({ publisher: publishers.get(topic), message }));

  const adding = Promise.all([jfk, ...desks].map((reader) => reader.addUp()));
  const dawdling = slow.dawdle(own);
  const began = performance.now();
  // Whoever fails first ends it.
  const told = await Promise.race([publish(rows, repeats, board), adding]);
  board.refresh();
  own.close();
  await adding;
  const seconds = (performance.now() - began) / 1000;
  await dawdling;

  const all = Tally.merged(desks.map(({ tally }) => tally));
  const { routes } = kernel.counters();
  const of = (...readers) => account(routes, readers[0].role, readers.map((reader) => reader.end()));
  const line = {
    ...told,
    seconds,
    jfk: jfk.tally,
    desks: all,
    means: await means(kernel, all.carriers.keys()),
    board: board.newest,
    accounts: { jfk: of(jfk), desks: of(...desks), board: of(board), slow: of(slow) },
  };
  kernel.close();
  return line;
}

const [path, repeats] = [process.argv[2], Number(process.argv[3])];
if (process.argv.length !== 4 || !(Number.isInteger(repeats) && repeats > 0)) {
  console.error('flights (Node): usage: node flights.mjs FILE REPEATS');
  process.exit(1);
}
console.log(JSON.stringify(await play(load(path), repeats)));
