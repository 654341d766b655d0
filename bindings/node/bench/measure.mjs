// Measures the package and its peers; one JSON line for each row.
//
//     node bench/measure.mjs [WORD..]     only rows whose name contains a word
//     node bench/measure.mjs --serve      measures the row that each line of standard input names, once
//
// `cargo xtask bench` asks for the rows one by one, in turn with their peers (`benches/compare`).
//
// A row is {"name", "value", "unit", ...}. Rows in nanoseconds are the best of several repetitions
// and carry `noop`, the cost of an empty call into the module in the same run, and `per_noop`, the
// ratio. Peers that are not installed are reported as such on standard error, never left out silently.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const neo = require('../js/index.cjs');
const { native } = require('../js/loader.cjs');

const PAYLOAD = Buffer.alloc(64, 'x');
const BATCH = 256;
let repeats = 25;

const now = () => Number(process.hrtime.bigint());

/** The least of several repetitions, after one that finds memory and code as they will be. */
async function best(measure) {
  await measure();
  let least = Infinity;
  for (let i = 0; i < repeats; i += 1) least = Math.min(least, await measure());
  return least;
}

/** The time of one of `count` steps. */
function timed(count, step) {
  const started = now();
  for (let i = 0; i < count; i += 1) step();
  return (now() - started) / count;
}

async function withKernel(run, options) {
  const kernel = neo.Kernel.open('mem://', options);
  try {
    return await run(kernel);
  } finally {
    kernel.close();
  }
}

const noop = () => best(() => timed(20_000, () => native.noop()));

const publish = () => withKernel((kernel) => {
  const subscription = kernel.subscribe('n');
  const publisher = kernel.publisher('n');
  // Into a mailbox with room: it is emptied before it is full.
  return best(() => {
    let taken = 0;
    for (let round = 0; round < 20; round += 1) {
      taken += timed(1_000, () => publisher.publish(PAYLOAD));
      subscription.drain(1_000);
    }
    return taken / 20;
  });
});

/** Publishes and receives batches in turn; the time of one half, per message. */
const batches = (ofPublish) => withKernel((kernel) => {
  const subscription = kernel.subscribe('n');
  const publisher = kernel.publisher('n');
  const payloads = Array.from({ length: BATCH }, () => PAYLOAD);
  return best(() => {
    let taken = 0;
    for (let round = 0; round < 40; round += 1) {
      const started = now();
      publisher.publishMany(payloads);
      const between = now();
      const batch = subscription.drain(BATCH);
      const ended = now();
      assert.equal(batch.length, BATCH);
      taken += ofPublish ? between - started : ended - between;
    }
    return taken / 40 / BATCH;
  });
});

/** A mebibyte from the mailbox to a Buffer on it, where it lies. */
const mebibyte = () => withKernel((kernel) => {
  const subscriptions = [1, 2].map(() => kernel.subscribe('n', { zeroCopy: true }));
  const publisher = kernel.publisher('n');
  publisher.publish(Buffer.alloc(1 << 20, 1));
  const [one, other] = subscriptions.map((subscription) => subscription.tryRecv());
  one.data[5] = 77;
  assert.equal(other.data[5], 77, 'it was copied');
  const { buffer } = one.data;
  return best(() => timed(5_000, () => Buffer.from(buffer)));
});

const forAwait = () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('n', { depth: 65_536 });
  const publisher = kernel.publisher('n');
  const some = Array.from({ length: 1000 }, () => PAYLOAD);
  return best(async () => {
    for (let i = 0; i < 40; i += 1) publisher.publishMany(some);
    const started = now();
    let left = 40_000;
    for await (const message of subscription) {
      if (message.data.length !== 64) throw new Error('not what was sent');
      left -= 1;
      if (left === 0) break;
    }
    return (now() - started) / 40_000;
  });
});

const forAwaitBatches = () => withKernel(async (kernel) => {
  const subscription = kernel.subscribe('n', { depth: 65_536 });
  const publisher = kernel.publisher('n');
  const some = Array.from({ length: 1000 }, () => PAYLOAD);
  return best(async () => {
    for (let i = 0; i < 40; i += 1) publisher.publishMany(some);
    const started = now();
    let left = 40_000;
    for await (const batch of subscription.batches()) {
      for (const message of batch) if (message.data.length !== 64) throw new Error('not what was sent');
      left -= batch.length;
      if (left === 0) break;
    }
    return (now() - started) / 40_000;
  });
});

/** zeromq.js, PUSH to PULL in this process: messages that wait already, as for `for await` above. */
async function zeromq() {
  const zmq = require(`${process.env.NEO_NODE_PEERS ?? '.'}/node_modules/zeromq`);
  const [push, pull] = [new zmq.Push(), new zmq.Pull()];
  push.sendHighWaterMark = 0;
  pull.receiveHighWaterMark = 0;
  await push.bind('inproc://bench');
  pull.connect('inproc://bench');
  const count = 4_000;
  try {
    return await best(async () => {
      for (let i = 0; i < count; i += 1) await push.send(PAYLOAD);
      const started = now();
      let left = count;
      for await (const [data] of pull) {
        if (data.length !== 64) throw new Error('not what was sent');
        left -= 1;
        if (left === 0) break;
      }
      return (now() - started) / count;
    });
  } finally {
    push.close();
    pull.close();
  }
}

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { neo, index, count } = workerData;
  const payload = Buffer.alloc(64, 'x');
  if (neo) {
    const kernel = require(index).Kernel.open('mem://bench.workers');
    const publisher = kernel.publisher('n');
    parentPort.on('message', () => {
      for (let i = 0; i < count; i += 1) publisher.publish(payload);
    });
  } else {
    parentPort.on('message', () => {
      for (let i = 0; i < count; i += 1) parentPort.postMessage(payload);
    });
  }
  parentPort.postMessage('ready');
`;

/** Messages per second from a worker to this thread; no more than a mailbox holds. */
async function acrossWorkers(isNeo) {
  const count = 60_000;
  const index = require.resolve('../js/index.cjs');
  const kernel = neo.Kernel.open('mem://bench.workers');
  const subscription = kernel.subscribe('n', { policy: 'block', depth: 65_536 });
  const worker = new Worker(WORKER, { eval: true, workerData: { neo: isNeo, index, count } });
  await new Promise((resolve) => worker.once('message', resolve));
  const once = async () => {
    const started = now();
    let left = count;
    worker.postMessage('go');
    if (isNeo) {
      for await (const batch of subscription.batches()) {
        for (const message of batch) if (message.data.length !== 64) throw new Error('not sent');
        left -= batch.length;
        if (left === 0) break;
      }
    } else {
      await new Promise((resolve) => {
        worker.on('message', function take(data) {
          if (data.length !== 64) throw new Error('not sent');
          left -= 1;
          if (left > 0) return;
          worker.off('message', take);
          resolve();
        });
      });
    }
    return (now() - started) / count;
  };
  let least = Infinity;
  for (let i = 0; i < Math.min(repeats, 9); i += 1) least = Math.min(least, await once());
  await worker.terminate();
  kernel.close();
  return 1e9 / least;
}

/** Few enough for a run that nothing else interrupts. */
const CALLS = 100;

const call = (handler) => withKernel(async (kernel) => {
  kernel.serve('s', handler);
  for (let i = 0; i < 2000; i += 1) await kernel.call('s', 'm', PAYLOAD);
  return best(async () => {
    const started = now();
    for (let i = 0; i < CALLS; i += 1) await kernel.call('s', 'm', PAYLOAD);
    return (now() - started) / CALLS;
  });
});

const ROWS = [
  ['no-op call', 'ns', noop],
  ['publish 64 B', 'ns', publish],
  ['publishMany of 256, per message', 'ns', () => batches(true)],
  ['drain of 256, per message', 'ns', () => batches(false)],
  ['1 MiB payload as Buffer', 'ns', mebibyte],
  ['busy subscription: for await', 'ns', forAwait],
  ['busy subscription: for await of batches', 'ns', forAwaitBatches],
  ['zeromq.js inproc: for await', 'ns', zeromq],
  ['worker to main thread, 64 B: neo', 'messages/s', () => acrossWorkers(true)],
  ['worker to main thread, 64 B: postMessage', 'messages/s', () => acrossWorkers(false)],
  ['call: one thread, function', 'ns', () => call((request) => request.data)],
  ['call: one thread, async function', 'ns', () => call(async (request) => request.data)],
];

async function serve() {
  repeats = 3;
  // Compiled once, as in a program that runs.
  for (const [, , measure] of ROWS) await measure().catch(() => {});
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, unit, measure] = ROWS.find(([known]) => known === line.trim()) ?? [];
    const value = name === undefined ? null : await measure();
    console.log(JSON.stringify({ name: name ?? line, value, unit }));
  }
}

async function main(words) {
  if (words[0] === '--serve') return serve();
  const floor = await noop();
  for (const [name, unit, measure] of ROWS) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    try {
      const value = await measure();
      const row = { name, value: Math.round(value * 10) / 10, unit };
      if (unit === 'ns') {
        row.noop = Math.round(floor * 10) / 10;
        row.per_noop = Math.round((value / floor) * 100) / 100;
      }
      console.log(JSON.stringify(row));
    } catch (error) {
      console.error(`${name}: not measured: ${error.message}`);
      process.exitCode = 1;
    }
  }
  return undefined;
}

await main(process.argv.slice(2));
