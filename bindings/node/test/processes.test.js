'use strict';

const { assert, plain, run } = require('./harness.js');

const OPEN = 'const neo = require(process.env.NEO);';

/** Ends by itself, with code 0 and nothing on standard error. */
async function ends(code, options) {
  const result = await run(`${OPEN}${code}`, options);
  assert.deepEqual({ code: result.code, signal: result.signal, stderr: result.stderr },
    { code: 0, signal: null, stderr: '' });
  return result.stdout;
}

plain('the program of the documentation runs as it stands', async () => {
  const program = `
async function main() {
    const client = new neo.NeoClient();
    await client.connect();
    const response = await client.call('user_service', 'get_user', Buffer.from('user_id_123'));
    console.log(\`Response: \${response.toString()}\`);
    client.close();
}
main().catch(console.error);`;
  const server = `
const server = neo.Kernel.open('mem://default');
server.serve('user_service', (request) => {
  setImmediate(() => server.close());
  return Buffer.from(request.method + ':' + request.data);
});`;
  assert.equal(await ends(server + program), 'Response: get_user:user_id_123\n');
});

plain('an idle subscription does not keep the process alive', async () => {
  await ends("const k = neo.Kernel.open('mem://'); k.subscribe('x'); k.serve('s'); k.publisher('y');");
});

plain('a wait keeps the process alive until it ends, unless it is unref\'d', async () => {
  const waits = `
const kernel = neo.Kernel.open('mem://');
kernel.subscribe('x').recv({ timeout: 100 }).catch((error) => console.log(error.code));`;
  assert.equal(await ends(waits), 'NEO_E_TIMEOUT\n');
  await ends(`
const kernel = neo.Kernel.open('mem://');
kernel.subscribe('x').unref().recv();
kernel.subscribe('x').unref().recv({ timeout: 1e9 });
kernel.serve('s', () => {}).unref();
const subscription = kernel.subscribe('y');
subscription.recv();
subscription.unref();`);
});

plain('processes end with live subscribers, waits, views and services', async () => {
  const program = `
const kernel = neo.Kernel.open('mem://', { callTimeout: 60_000 });
const subscription = kernel.subscribe('x.*', { zeroCopy: true });
const publisher = kernel.publisher('x.y');
kernel.serve('echo', async (request) => request.data).unref();
globalThis.kept = [];
(async () => { for await (const m of subscription) globalThis.kept.push(m.data.subarray(1)); })();
subscription.unref();
publisher.publish(Buffer.alloc(1 << 20));
publisher.publish(Buffer.from('small'));
globalThis.loan = publisher.loan(100000);
kernel.call('echo', 'm', Buffer.from('x')).then(() => { process.argv[1] === 'exit' && process.exit(0); });
setImmediate(() => publisher.publish(Buffer.alloc(50000)));`;
  const count = Number(process.env.NEO_TEST_PROCESSES ?? 200);
  for (let done = 0; done < count; done += 4) {
    await Promise.all(['', 'exit', '', 'exit'].map((way) => ends(program, { args: [way] })));
  }
});

plain('process.exit in the middle of a stream ends at once', async () => {
  const said = await ends(`
const { Worker } = require('node:worker_threads');
const code = "const neo = require(process.env.NEO); const k = neo.Kernel.open('mem://exit');" +
  "const p = k.publisher('x'); (function more() { for (let i = 0; i < 100; i += 1) p.publish(Buffer.alloc(5000));" +
  "setImmediate(more); })();";
new Worker(code, { eval: true });
const kernel = neo.Kernel.open('mem://exit');
let count = 0;
(async () => {
  for await (const message of kernel.subscribe('x')) {
    if (message.data.length === 5000 && (count += 1) === 2000) { console.log('exit'); process.exit(0); }
  }
})();`);
  assert.equal(said, 'exit\n');
});

plain('Ctrl-C ends a program that waits', async () => {
  const result = await run(`${OPEN}
const kernel = neo.Kernel.open('mem://');
(async () => { for await (const message of kernel.subscribe('x')); })();
console.log('waiting');`, {
    onSpawn: (child) => child.stdout.once('data', () => child.kill('SIGINT')),
  });
  assert.equal(result.signal, 'SIGINT');
});

plain('Ctrl-C ends a program that is busy receiving, and its handler may close', async () => {
  const said = await ends(`
const kernel = neo.Kernel.open('mem://');
const subscription = kernel.subscribe('x');
const publisher = kernel.publisher('x');
process.once('SIGINT', () => kernel.close());
(async () => {
  publisher.publish(Buffer.from('x'));
  console.log('busy');
  for await (const message of subscription) if (!kernel.closed) publisher.publish(message.data);
  console.log('closed');
})();`, { onSpawn: (child) => child.stdout.once('data', () => child.kill('SIGINT')) });
  assert.equal(said, 'busy\nclosed\n');
});

plain('what a listener throws is an uncaught exception, and messages go on', async () => {
  const said = await ends(`
process.on('uncaughtException', (error) => console.log(error.message));
const kernel = neo.Kernel.open('mem://');
const subscription = kernel.subscribe('x');
neo.emitter(subscription).on('message', (message) => {
  if (String(message.data) === 'end') subscription.close();
  else throw new Error('listener ' + message.data);
});
for (const text of ['1', '2', 'end']) kernel.publish('x', Buffer.from(text));`);
  assert.equal(said, 'listener 1\nlistener 2\n');
});

plain('a child that is spawned has kernels of its own', async () => {
  const said = await ends(`
const { execFileSync } = require('node:child_process');
const kernel = neo.Kernel.open('mem://parent');
const subscription = kernel.subscribe('x');
const code = "const neo = require(process.env.NEO); const k = neo.Kernel.open('mem://parent');" +
  "console.log(k.publish('x', Buffer.from('')).accepted)";
console.log(String(execFileSync(process.execPath, ['-e', code])).trim(), subscription.queued);`);
  assert.equal(said, '0 0\n');
});
