'use strict';

const { assert, bytes, neo, test, texts, withKernel } = require('./harness.js');

test('a message is received as it was published', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('flights.*.arrived');
  const result = kernel.publish('flights.AA1.arrived', bytes('LAX'));
  assert.deepEqual(result, { accepted: 1, dropped: 0, timedOut: 0 });
  const message = subscription.tryRecv();
  assert.equal(message.topic, 'flights.AA1.arrived');
  assert.equal(message.data.toString(), 'LAX');
  assert.ok(Buffer.isBuffer(message.data));
  assert.equal(message.lostBefore, 0);
  assert.equal(message.timestampNs, undefined);
  assert.equal(message.seq, undefined);
  assert.deepEqual(message.headers, []);
  assert.equal(subscription.tryRecv(), undefined);
}));

test('payloads of every size arrive whole', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('size', { mailboxBytesMax: 64 << 20 });
  for (const size of [0, 1, 63, 64, 191, 192, 193, 4096, 8191, 8192, 8193, 65_536, 1 << 20]) {
    const payload = Buffer.alloc(size, size % 251);
    kernel.publish('size', payload);
    assert.ok(subscription.tryRecv().data.equals(payload), `${size} bytes`);
  }
}));

test('messages outlive the slab that they began in', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('n.>', { depth: 4096 });
  const kept = [];
  for (let i = 0; i < 3000; i += 1) {
    kernel.publish(`n.${i % 7}`, bytes(`${i}`));
    kept.push(subscription.tryRecv());
  }
  kept.forEach((message, i) => {
    assert.equal(message.data.toString(), `${i}`);
    assert.equal(message.topic, `n.${i % 7}`);
  });
}));

test('drain takes what is there, in order, small and large', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('d', { mailboxBytesMax: 64 << 20 });
  const sent = [];
  for (let i = 0; i < 700; i += 1) {
    const payload = Buffer.alloc(i % 50 === 7 ? 20_000 : i % 100, i % 251);
    kernel.publish('d', payload);
    sent.push(payload);
  }
  const some = subscription.drain(100);
  assert.equal(some.length, 100);
  const all = [...some, ...subscription.drain(10_000)];
  assert.equal(all.length, 700);
  all.forEach((message, i) => assert.ok(message.data.equals(sent[i]), `message ${i}`));
  assert.deepEqual(subscription.drain(), []);
  assert.deepEqual(subscription.drain(0), []);
}));

test('a batch is published in one call', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('b.*');
  using(kernel.publisher('b.1'), (publisher) => {
    const run = publisher.publishMany([bytes('a'), new Uint8Array([98]), bytes('c')]);
    assert.deepEqual(run, { messages: 3, accepted: 3, dropped: 0, timedOut: 0, error: undefined });
  });
  kernel.publishMany('b.2', new Set([bytes('d')]));
  assert.deepEqual(texts(subscription.drain()), ['a', 'b', 'c', 'd']);
}));

test('a batch that stops tells how far it came and why', () => {
  const options = { memoryBytesMax: 8 << 20 };
  return withKernel(options, (kernel) => {
    const subscription = kernel.subscribe('f', { policy: 'block', mailboxBytesMax: 64 << 20 });
    const publisher = kernel.publisher('f');
    const payloads = Array.from({ length: 40 }, () => Buffer.alloc(1 << 20));
    const run = publisher.publishMany(payloads);
    assert.ok(run.messages > 0 && run.messages < 40);
    assert.ok(run.error instanceof neo.FullError);
    assert.equal(run.error.code, 'NEO_E_FULL');
    assert.throws(() => publisher.publishMany(payloads), { code: 'NEO_E_FULL' });
    assert.equal(subscription.drain().length, run.messages);
  });
});

test('losses are counted and told by the next message', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('l', { depth: 4 });
  for (let i = 0; i < 10; i += 1) kernel.publish('l', bytes(`${i}`));
  assert.deepEqual(kernel.publish('l', bytes('10')), { accepted: 1, dropped: 1, timedOut: 0 });
  assert.equal(subscription.queued, 4);
  const first = subscription.tryRecv();
  assert.equal(first.data.toString(), '7');
  assert.equal(first.lostBefore, 7);
  assert.equal(subscription.takeLost(), 0);
  const [route] = kernel.counters().routes;
  assert.equal(route.pattern, 'l');
  assert.equal(route.policy, 'drop_oldest');
  assert.equal(route.lost, 7);
}));

test('a queue group shares the messages', () => withKernel((kernel) => {
  const members = [1, 2].map(() => kernel.subscribe('g', { group: 'workers' }));
  for (let i = 0; i < 100; i += 1) kernel.publish('g', bytes(`${i}`));
  const taken = members.flatMap((member) => [...texts(member.drain(50))]);
  assert.deepEqual(taken.map(Number).sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i));
}));

test('publishers stamp the time when asked to', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('t');
  const before = BigInt(Date.now()) * 1_000_000n;
  kernel.publisher('t', { stampTime: true }).publish(bytes('x'));
  const stamped = subscription.tryRecv().timestampNs;
  assert.equal(typeof stamped, 'bigint');
  assert.ok(stamped >= before - 1_000_000_000n && stamped < before + 3_600_000_000_000n);
}));

test('a kernel with a name is the same for all who open it', () => {
  const [one, two] = [1, 2].map(() => neo.Kernel.open('mem://same'));
  const subscription = one.subscribe('x');
  two.publish('x', bytes('across'));
  assert.deepEqual(texts(subscription.drain()), ['across']);
  one.close();
  two.close();
});

test('a client connects as often as it likes, and again after it was closed', async () => {
  const client = new neo.NeoClient('mem://again');
  assert.equal(client.closed, true);
  await client.connect();
  const { kernel } = client;
  await client.connect();
  assert.equal(client.kernel, kernel);
  const subscription = client.subscribe('c');
  assert.deepEqual(await client.publish('c', bytes('1')), { accepted: 1, dropped: 0, timedOut: 0 });
  assert.deepEqual(texts(subscription.drain()), ['1']);
  client.close();
  client.close();
  await assert.rejects(client.publish('c', bytes('2')), { code: 'NEO_E_CLOSED' });
  assert.throws(() => client.subscribe('c'), /await connect\(\)/);
  await client.connect();
  client.subscribe('c').close();
  client.close();
});

test('a client without a URL takes what the environment names', async () => {
  process.env.NEO_URL = 'mem://from.environment';
  try {
    const client = new neo.NeoClient();
    await client.connect();
    assert.equal(client.url, 'mem://from.environment');
    client.close();
  } finally {
    delete process.env.NEO_URL;
  }
  const client = await new neo.NeoClient().connect();
  assert.equal(client.url, 'mem://default');
  client.close();
});

function using(handle, body) {
  try {
    body(handle);
  } finally {
    handle[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
  }
}
