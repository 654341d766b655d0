// The Node interpreter of the conformance cases; `../README.md` specifies what it does.
//
//     node --expose-gc bindings/conformance/node/interpreter.mjs CASES-FOLDER SCHEME

import { readFileSync, readdirSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib from 'node:zlib';

const neo = createRequire(import.meta.url)('../../node/js/index.cjs');

/** Far beyond what any step needs; a wait that reaches it has been lost. */
const LIMIT_MS = 30_000;

/** How long what nobody holds may take to go: threads of the engine have a part in it. */
const PATIENCE_MS = 10_000;

const NONE = { none: true };

/** The step itself is wrong, or something waited beyond every limit: the case fails. */
class Broken extends Error {}

// ── values

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data) {
  if (zlib.crc32) return zlib.crc32(data);
  let value = 0xffffffff;
  for (const byte of data) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function payload(value) {
  const [[kind, of]] = Object.entries(value);
  if (kind === 'utf8') return Buffer.from(of);
  if (kind === 'hex') return Buffer.from(of, 'hex');
  if (kind === 'repeat') return Buffer.alloc(of.count, of.byte);
  if (kind === 'pattern') {
    const data = Buffer.alloc(of.len);
    for (let i = 0; i < of.len; i += 1) data[i] = (of.seed + i) % 251;
    return data;
  }
  throw new Broken(`there is no payload "${kind}"`);
}

const digest = (data) => `${data.length}:${crc32(data).toString(16).padStart(8, '0')}`;

function shown(value) {
  if (Array.isArray(value)) return value.map(shown).join(',');
  if (typeof value === 'object') return digest(payload(value));
  return String(value);
}

const observation = (seen) =>
  Object.entries(seen).map(([key, value]) => `${key}=${shown(value)}`).join(' ') || 'ok';

const ms = (step, key = 'timeout_ns') => (key in step ? step[key] / 1e6 : undefined);

/** Options of 32 bits; what is beyond them is refused as the largest is. */
const u32 = (value) => (value === undefined ? undefined : Math.min(value, 0xffffffff));

const counts = ({ accepted, dropped, timedOut }) => ({ accepted, dropped, timed_out: timedOut });

const message = (one) => ({
  topic: one.topic,
  payload: digest(one.data),
  lost_before: one.lostBefore,
  stamped: one.timestampNs !== undefined,
});

/** A promise, or a failure if it takes too long. */
async function within(promise, what) {
  const alarm = new AbortController();
  const late = nextTurnAfter(LIMIT_MS, alarm.signal, `${what} still waits`);
  try {
    return await Promise.race([promise, late]);
  } finally {
    alarm.abort();
  }
}

function nextTurnAfter(delay, signal, text) {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Broken(text)), delay);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
}

// ── what the case has beside the handles of the library

/** Workers of one service that answer by a built-in rule. */
class Handler {
  constructor(rule) {
    this.letGo = new Promise((resolve) => {
      this.unhold = resolve;
    });
    this.services = [];
    const rules = {
      echo: (request) => request.data,
      upper: (request) => Buffer.from(request.data.toString('latin1').toUpperCase(), 'latin1'),
      method: (request) => Buffer.from(request.method),
      fail: (request) => request.replyError('the handler says no'),
      silent: (request) => request.release(),
      hold: async (request) => {
        await this.letGo;
        return request.data;
      },
    };
    if (!Object.hasOwn(rules, rule)) throw new Broken(`there is no handler "${rule}"`);
    this.answer = rules[rule];
  }

  async release() {
    this.unhold();
    for (const service of this.services) await service.closeAndJoin();
  }
}

/** What runs beside the others: a promise, and a way to end it. */
class Job {
  constructor(start) {
    this.abort = new AbortController();
    this.outcome = start(this.abort.signal);
    // It is told when it is awaited.
    this.outcome.catch(() => {});
  }
}

// ── a case

class World {
  constructor(id, scheme) {
    this.id = id;
    this.scheme = scheme;
    this.handles = new Map();
    this.turn = undefined;
  }

  keep(step, handle, otherwise) {
    const name = this.turn === undefined ? step.as ?? otherwise : `${step.as}-${this.turn}`;
    if (this.handles.has(name)) throw new Broken(`"${name}" is in use`);
    this.handles.set(name, handle);
  }

  find(name) {
    if (!this.handles.has(name)) throw new Broken(`there is no "${name}"`);
    return this.handles.get(name);
  }

  take(name) {
    const handle = this.find(name);
    this.handles.delete(name);
    return handle;
  }

  kernel(step) {
    return this.find(step.kernel ?? 'k');
  }

  /** Runs a step as often as it says: the last observation, and why it is not met. */
  async repeat(step) {
    let seen = {};
    for (let turn = 0; turn < (step.times ?? 1); turn += 1) {
      this.turn = 'times' in step ? turn : undefined;
      seen = await this.run(step);
      const failure = judge(step, seen);
      if (failure !== undefined) return { seen, failure };
    }
    return { seen };
  }

  async run(step) {
    if (!Object.hasOwn(OPS, step.op)) throw new Broken(`there is no op "${step.op}"`);
    return observed(async () => OPS[step.op](this, step));
  }

  /** Gives everything back, kernels last; how many objects live after that. */
  async finish() {
    const handles = [...this.handles.values()].reverse();
    const job = [...this.handles].find(([, handle]) => handle instanceof Job && handle.isSpawned);
    this.handles.clear();
    if (job !== undefined) {
      for (const one of handles) if (one instanceof neo.Kernel) one.close();
      throw new Broken(`"${job[0]}" was never joined`);
    }
    while (handles.length > 0) await giveBack(handles.shift());
    for (const end = performance.now() + PATIENCE_MS; ; ) {
      globalThis.gc();
      await nextTurn();
      const live = Object.values(neo.live()).reduce((a, b) => a + b, 0);
      if (live === 0 || performance.now() > end) return live;
    }
  }
}

/** What a step observes, errors of the library among it. */
async function observed(run) {
  try {
    return (await run()) ?? {};
  } catch (error) {
    if (!(error instanceof neo.NeoError)) throw error;
    const text = error.code === neo.codes.SERVICE ? { text: error.message } : {};
    return { error: error.code, ...text };
  }
}

/** What a wait observes: none if its time passed. */
async function inTime(run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof neo.TimeoutError) return NONE;
    throw error;
  }
}

function received(world, step, one) {
  if (one === undefined) return NONE;
  const seen = message(one);
  if ('as' in step) world.keep(step, one);
  else one.release();
  return seen;
}

/** A publisher with a `send_timeout` waits for room, and so does not block its thread. */
const waits = new WeakSet();

async function publish(world, step, data) {
  if (!('publisher' in step)) return world.kernel(step).publish(step.topic, data);
  const publisher = world.find(step.publisher);
  return waits.has(publisher) ? publisher.publishAsync(data) : publisher.publish(data);
}

async function receiveOne(world, step) {
  const one = await world.find(step.sub).recv({ timeout: ms(step) });
  return received(world, step, one);
}

async function call(kernel, step, signal) {
  const { service, method } = step;
  const options = { timeout: ms(step), signal };
  return { payload: digest(await kernel.call(service, method, payload(step.payload), options)) };
}

function spawn(world, step, start) {
  const job = new Job((signal) => observed(() => start(signal)));
  job.isSpawned = true;
  world.keep(step, job);
}

const OPS = {
  // kernels

  open(world, step) {
    const own = world.scheme === 'mem' ? '' : world.id;
    const kernel = neo.Kernel.open(step.url ?? `${world.scheme}://${step.name ?? own}`, {
      memoryBytesMax: step.memory_bytes_max,
      subscriptionsMax: u32(step.subscriptions_max),
      participantsMax: u32(step.participants_max),
      callsInFlightMax: u32(step.calls_in_flight_max),
      existingOnly: step.existing_only === 1,
      callTimeout: ms(step, 'call_timeout_ns') ?? LIMIT_MS,
    });
    world.keep(step, kernel, 'k');
  },
  close: (world, step) => world.find(step.of).close(),
  is_closed: (world, step) => ({ closed: world.find(step.of).closed }),
  trim: (world, step) => ({ freed: world.kernel(step).trim() > 0 }),
  memory(world, step) {
    world.kernel(step).trim();
    return { in_use: world.kernel(step).counters().memoryBytes > 0 };
  },
  counters(world, step) {
    const { routes } = world.kernel(step).counters();
    const group = step.group ?? '';
    const found = routes.filter((one) => one.pattern === step.pattern && one.group === group);
    if (found.length > 1) throw new Broken(`there are several "${step.pattern}"`);
    if (found.length === 0) return NONE;
    const { depth, accepted, delivered, lost, timedOut, queued } = found[0];
    return { depth, accepted, delivered, lost, timed_out: timedOut, queued };
  },
  kernel_counters(world, step) {
    const { routes, lateReplies } = world.kernel(step).counters();
    return { routes: routes.length, late_replies: lateReplies };
  },
  name(world, step) {
    const { topic, pattern, name } = world.find(step.of);
    return { name: topic ?? pattern ?? name };
  },
  async release(world, step) {
    const isKernel = world.find(step.of) instanceof neo.Kernel;
    await giveBack(world.take(step.of));
    // It is forgotten, which is over when it is collected.
    if (isKernel) await collect();
  },

  // publishing

  publisher(world, step) {
    const publisher = world.kernel(step).publisher(step.topic, {
      sendTimeout: ms(step, 'send_timeout_ns'),
      stampTime: step.stamp_time,
      headers: step.header_keys?.map((key, at) => [key, payload(step.header_values[at])]),
      traceparent: step.traceparent,
    });
    if ('send_timeout_ns' in step) waits.add(publisher);
    world.keep(step, publisher);
  },
  publish: async (world, step) => counts(await publish(world, step, payload(step.payload))),
  publish_many(world, step) {
    const run = world.find(step.publisher).publishMany(step.payloads.map(payload));
    return { messages: run.messages, ...counts(run), stopped: run.error?.code ?? '-' };
  },
  async publish_numbers(world, step) {
    const total = { accepted: 0, dropped: 0, timed_out: 0 };
    for (let number = step.from; number < step.from + step.count; number += 1) {
      const one = counts(await publish(world, step, Buffer.from(String(number))));
      for (const key of Object.keys(total)) total[key] += one[key];
    }
    return total;
  },
  loan(world, step) {
    const loan = world.find(step.publisher).loan(step.len);
    world.keep(step, loan);
    return { len: loan.data.length };
  },
  write(world, step) {
    const [data, at] = [payload(step.payload), step.at ?? 0];
    const loan = world.find(step.loan);
    if (at + data.length > loan.data.length) throw new Broken('the step writes beyond the loan');
    data.copy(loan.data, at);
  },
  truncate(world, step) {
    world.find(step.loan).truncate(step.len);
    return { len: step.len };
  },
  send: (world, step) => counts(world.take(step.loan).send()),
  abort: (world, step) => world.take(step.loan).abort(),

  // receiving

  subscribe(world, step) {
    // Nothing blocks here: `wait`, how a thread waits, has no meaning.
    const subscription = world.kernel(step).subscribe(step.pattern, {
      depth: u32(step.depth),
      policy: step.policy,
      group: step.group,
      mailboxBytesMax: step.mailbox_bytes_max,
      pinnedBytesMax: step.pinned_bytes_max,
      zeroCopy: true,
    });
    world.keep(step, subscription);
  },
  try_recv: (world, step) => received(world, step, world.find(step.sub).tryRecv()),
  recv: (world, step) => inTime(() => receiveOne(world, step)),
  async recv_batch(world, step) {
    const options = { max: step.max, timeout: ms(step) };
    const batch = await world.find(step.sub).recvBatch(options);
    return {
      count: batch.length,
      topics: batch.map((one) => one.topic),
      payloads: batch.map((one) => digest(one.data)),
      lost: batch.reduce((sum, one) => sum + one.lostBefore, 0),
    };
  },
  recv_numbers(world, step) {
    const numbers = [];
    let lost = 0;
    while (numbers.length < step.count) {
      const one = world.find(step.sub).tryRecv();
      if (one === undefined) break;
      numbers.push(Number(one.data));
      lost += one.lostBefore;
    }
    return {
      count: numbers.length,
      first: numbers[0] ?? 0,
      last: numbers.at(-1) ?? 0,
      in_order: numbers.every((number, i) => i === 0 || numbers[i - 1] < number),
      lost,
    };
  },
  read: (world, step) => message(world.find(step.of)),
  headers(world, step) {
    const { headers, traceparent = '-' } = world.find(step.of);
    return {
      keys: headers.map(([key]) => key).join(),
      payloads: headers.map(([, value]) => digest(value)).join(),
      traceparent,
    };
  },
  take_lost: (world, step) => ({ lost: world.find(step.sub).takeLost() }),
  queued: (world, step) => ({ queued: world.find(step.sub).queued }),

  // services and calls

  serve(world, step) {
    world.keep(step, world.kernel(step).serve(step.service, undefined, { depth: u32(step.depth) }));
  },
  serve_handler(world, step) {
    const handler = new Handler(step.handler);
    for (let worker = 0; worker < (step.workers ?? 1); worker += 1) {
      const options = { depth: u32(step.depth), concurrency: 1 };
      handler.services.push(world.kernel(step).serve(step.service, handler.answer, options));
    }
    world.keep(step, handler);
  },
  unhold: (world, step) => world.find(step.of).unhold(),
  request: (world, step) => inTime(async () => {
    const request = await world.find(step.service).recv({ timeout: ms(step) });
    world.keep(step, request);
    return { method: request.method, payload: digest(request.data) };
  }),
  reply(world, step) {
    const request = world.take(step.request);
    try {
      request.reply(payload(step.payload));
    } finally {
      request.release();
    }
  },
  reply_error(world, step) {
    const request = world.take(step.request);
    try {
      request.replyError(step.text);
    } finally {
      request.release();
    }
  },
  call: (world, step) => call(world.kernel(step), step),

  // beside the others

  start_call(world, step) {
    const kernel = world.kernel(step);
    world.keep(step, new Job((signal) => call(kernel, step, signal)));
  },
  await_call: (world, step) => within(world.take(step.of).outcome, 'the call'),
  async cancel_call(world, step) {
    const job = world.take(step.of);
    job.abort.abort();
    await job.outcome.catch(() => {});
  },
  spawn_call(world, step) {
    const kernel = world.kernel(step);
    spawn(world, step, () => call(kernel, step));
  },
  spawn_recv(world, step) {
    const { as: _, ...alone } = step;
    spawn(world, step, () => receiveOne(world, alone));
  },
  spawn_publish(world, step) {
    spawn(world, step, async () => counts(await publish(world, step, payload(step.payload))));
  },
  join: (world, step) => within(world.take(step.of).outcome, `"${step.of}"`),
};

/** Node's own way to give something back without closing a kernel. */
async function giveBack(handle) {
  if (handle instanceof neo.Loan) handle.abort();
  else if (handle instanceof neo.Message || handle instanceof neo.Request) handle.release();
  else if (handle instanceof Handler) await handle.release();
  else if (handle instanceof Job) {
    handle.abort.abort();
    await handle.outcome.catch(() => {});
  } else if (!(handle instanceof neo.Kernel)) handle.close();
}

/** Collects what nobody holds any more, until no more kernels go. */
async function collect() {
  for (let left = neo.live().kernels, calm = 0; calm < 3; calm += 1) {
    globalThis.gc();
    await nextTurn();
    const now = neo.live().kernels;
    if (now !== left) calm = 0;
    left = now;
  }
}

/** Why what was seen is not what the step expects. */
function judge(step, seen) {
  const line = observation(seen);
  if (!('expect' in step)) {
    return 'error' in seen || 'none' in seen ? `it observed "${line}"` : undefined;
  }
  for (const [key, value] of Object.entries(step.expect)) {
    if (!(key in seen) || shown(seen[key]) !== shown(value)) {
      return `"${key}" is not "${shown(value)}": it observed "${line}"`;
    }
  }
  return undefined;
}

/** Runs the steps up to the first that is not met, gives everything back, prints the line. */
async function runCase(each, scheme) {
  const world = new World(each.id, scheme);
  const seen = [];
  let failure;
  for (const [index, step] of each.steps.entries()) {
    let problem;
    try {
      const outcome = await world.repeat(step);
      seen.push(observation(outcome.seen));
      problem = outcome.failure;
    } catch (error) {
      problem = `${error.name}: ${error.message}`;
    }
    if (problem !== undefined) {
      failure = `step ${index + 1}, ${step.op}: ${problem}`;
      break;
    }
  }
  try {
    const live = await world.finish();
    seen.push(`live=${live}`);
    if (live > 0) failure ??= `${live} objects are alive: ${JSON.stringify(neo.live())}`;
  } catch (error) {
    failure ??= error.message;
  }
  const ok = failure === undefined;
  const line = { id: each.id, ok, observed: seen, ...(ok ? {} : { failure }) };
  writeSync(1, `${JSON.stringify(line)}\n`);
  return ok;
}

async function main([folder, scheme, ...rest]) {
  if (scheme === undefined || rest.length > 0) {
    console.error('usage: interpreter.mjs CASES-FOLDER SCHEME');
    return 2;
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  if (files.length === 0 || globalThis.gc === undefined) {
    console.error(files.length === 0 ? `${folder} holds no cases` : 'start it with --expose-gc');
    return 2;
  }
  let passed = true;
  for (const file of files) {
    const { cases } = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    for (const each of cases.filter(({ urls }) => urls.includes(scheme))) {
      passed = (await runCase(each, scheme)) && passed;
    }
  }
  return passed ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
