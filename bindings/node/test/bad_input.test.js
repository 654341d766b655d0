'use strict';

const os = require('node:os');

const { assert, bytes, neo, test, withKernel } = require('./harness.js');

const TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const RANGE = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };

test('wrong payloads are refused by name, and nothing is published', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('x');
  const publisher = kernel.publisher('x');
  const wrong = ['text', 5, 5n, null, undefined, {}, [1, 2], Symbol('s'), () => {}, new ArrayBuffer(3),
    new Uint16Array(3), new DataView(new ArrayBuffer(3)), { length: 3 }];
  for (const value of wrong) {
    assert.throws(() => publisher.publish(value), TYPE);
    assert.throws(() => kernel.publish('x', value), TYPE);
    assert.throws(() => publisher.publishMany([bytes('ok'), value]), TYPE);
  }
  assert.throws(() => publisher.publish('text'), /Buffer\.from\(text\)/);
  assert.throws(() => publisher.publishMany(bytes('one')), TYPE);
  assert.throws(() => publisher.publishMany(7), TYPE);
  assert.equal(subscription.tryRecv(), undefined);
}));

test('payloads are read once, before anybody can change them', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('x');
  const first = new Uint8Array(64).fill(1);
  function* values() {
    yield first;
    structuredClone(first.buffer, { transfer: [first.buffer] });
    yield bytes('second');
  }
  kernel.publisher('x').publishMany(values());
  assert.deepEqual(subscription.drain().map((m) => m.data.length), [0, 6]);
}));

test('wrong arguments name the argument', () => withKernel(async (kernel) => {
  assert.throws(() => kernel.subscribe(5), /pattern: pass a string, not 5/);
  assert.throws(() => kernel.publisher(undefined), TYPE);
  assert.throws(() => kernel.publish(Symbol('t'), bytes('')), TYPE);
  assert.throws(() => kernel.subscribe('x', { dept: 1 }), /depth, .*not "dept"/);
  assert.throws(() => kernel.subscribe('x', 'options'), TYPE);
  assert.throws(() => kernel.subscribe('x', { depth: '5' }), TYPE);
  assert.throws(() => kernel.subscribe('x', { depth: -1 }), RANGE);
  assert.throws(() => kernel.subscribe('x', { depth: 1.5 }), RANGE);
  assert.throws(() => kernel.subscribe('x', { depth: NaN }), RANGE);
  assert.throws(() => kernel.subscribe('x', { depth: 2 ** 32 }), RANGE);
  assert.throws(() => kernel.subscribe('x', { policy: 5 }), TYPE);
  assert.throws(() => kernel.subscribe('x', { policy: 'none' }), /choose one of drop_oldest/);
  assert.throws(() => kernel.subscribe('x', { zeroCopy: 1 }), TYPE);
  assert.throws(() => kernel.subscribe('x', { signal: {} }), TYPE);
  assert.throws(() => kernel.serve('x', 'handler'), /handler: pass a function/);
  assert.throws(() => kernel.serve('x', undefined, { concurrency: 0 }), RANGE);
  await assert.rejects(kernel.call('s', 5), TYPE);
  await assert.rejects(kernel.call('s', 'm', 'text'), TYPE);
  await assert.rejects(kernel.call('s', 'm', bytes(''), { timeout: -1 }), RANGE);
  await assert.rejects(kernel.call('s', 'm', bytes(''), { timeout: NaN }), RANGE);
  await assert.rejects(kernel.subscribe('x').recv({ timeout: '5' }), TYPE);
  assert.throws(() => kernel.publisher('x').loan(-1), RANGE);
  assert.throws(() => kernel.publisher('x').loan(2 ** 53), RANGE);
  assert.throws(() => kernel.publisher('x').loan('5'), TYPE);
  assert.throws(() => kernel.subscribe('x').drain(-1), RANGE);
}));

test('what the kernel refuses is told by its code', () => withKernel((kernel) => {
  assert.throws(() => neo.Kernel.open('ftp://x'), { code: 'NEO_E_INVALID', name: 'InvalidError' });
  assert.throws(() => neo.Kernel.open(5), TYPE);
  assert.throws(() => neo.Kernel.open('mem://', { memory: 1, memoryBytesMax: 1 }), TypeError);
  assert.throws(() => kernel.subscribe(''), { code: 'NEO_E_INVALID' });
  assert.throws(() => kernel.subscribe('a..b'), { code: 'NEO_E_INVALID' });
  assert.throws(() => kernel.publish('a.*', bytes('')), { code: 'NEO_E_INVALID' });
  assert.throws(() => kernel.publish('a'.repeat(300), bytes('')), { code: 'NEO_E_INVALID' });
  assert.throws(() => kernel.subscribe('x', { depth: 0 }), { code: 'NEO_E_INVALID' });
  assert.throws(() => kernel.publisher('x').loan(2 ** 50), neo.TooLargeError);
  const error = (() => {
    try {
      return kernel.subscribe('a..b');
    } catch (caught) {
      return caught;
    }
  })();
  assert.ok(error instanceof neo.InvalidError && error instanceof neo.NeoError);
  assert.equal(error.number, -1);
  assert.match(error.stack, /bad_input/);
}));

test('every code has its class, its number and its name', () => {
  for (const [name, symbol] of Object.entries(neo.codes)) {
    const words = name.toLowerCase().split('_').map((word) => word[0].toUpperCase() + word.slice(1));
    const Class = neo[`${words.join('')}Error`];
    const error = new Class('text');
    assert.ok(error instanceof neo.NeoError, name);
    assert.equal(error.code, symbol);
    assert.ok(error.number < 0);
    assert.equal(error.name, `${words.join('')}Error`);
  }
  assert.equal(Object.keys(neo.codes).length, 20);
});

test('closed handles say so, and closing twice does nothing', async () => {
  const kernel = neo.Kernel.open('mem://');
  const publisher = kernel.publisher('x');
  const subscription = kernel.subscribe('x');
  const service = kernel.serve('s');
  for (const handle of [subscription, service, publisher]) {
    handle.close();
    handle.close();
    assert.equal(handle.closed, true);
  }
  const closed = { code: 'NEO_E_CLOSED' };
  assert.throws(() => publisher.publish(bytes('')), closed);
  assert.throws(() => publisher.publishMany([]), closed);
  assert.throws(() => publisher.loan(5), closed);
  await assert.rejects(publisher.publishAsync(bytes('')), closed);
  await assert.rejects(publisher.ready(), closed);
  assert.throws(() => subscription.tryRecv(), closed);
  assert.throws(() => subscription.drain(), closed);
  assert.throws(() => subscription.queued, closed);
  assert.throws(() => subscription.takeLost(), closed);
  await assert.rejects(subscription.recv(), closed);
  await assert.rejects(subscription.recvBatch(), closed);
  for await (const _ of subscription) assert.fail();
  assert.throws(() => service.tryRecv(), closed);
  await assert.rejects(service.recv(), closed);
  for await (const _ of service) assert.fail();
  kernel.close();
  kernel.close();
  assert.equal(kernel.closed, true);
  assert.throws(() => kernel.publish('x', bytes('')), closed);
  assert.throws(() => kernel.subscribe('x'), closed);
  assert.throws(() => kernel.publisher('x'), closed);
  assert.throws(() => kernel.serve('x'), closed);
  await assert.rejects(kernel.call('s', 'm'), closed);
  assert.ok(Array.isArray(kernel.counters().routes));
});

test('handles cannot be made or borrowed by hand', () => withKernel((kernel) => {
  const subscription = kernel.subscribe('x');
  assert.throws(() => neo.Subscription.prototype.tryRecv.call({}), TypeError);
  assert.throws(() => neo.Publisher.prototype.publish.call(subscription, bytes('')), TypeError);
  assert.throws(() => neo.Kernel.prototype.publish.call(kernel.publisher('x'), 'x', bytes('')), TypeError);
}));

test('what the system refuses has its number', () => {
  process.env.NEO_SHM_DIR = '/dev/null/names';
  try {
    assert.throws(() => neo.Kernel.open('shm://neo-node-refused'), {
      name: 'OsError',
      code: 'NEO_E_OS',
      errno: -os.constants.errno.ENOTDIR,
    });
  } finally {
    delete process.env.NEO_SHM_DIR;
  }
});

test('a name that nobody has open is not found', () => {
  const open = () => neo.Kernel.open('shm://neo-node-nobody', { existingOnly: true });
  assert.throws(open, (error) => error instanceof neo.NotFoundError && error.errno === undefined);
});
