'use strict';

const { cpSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { assert, neo, plain, root, run } = require('./harness.js');

plain('import and require give one and the same module', async () => {
  const namespace = await import('../js/index.mjs');
  assert.equal(namespace.default, neo);
  const { default: _, ...named } = namespace;
  assert.deepEqual(Object.keys(named).sort(), Object.keys(neo).sort());
  for (const [name, value] of Object.entries(named)) assert.equal(value, neo[name]);
});

plain('a failure to load names every place that was tried, and the way out', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'neo-load-'));
  try {
    cpSync(path.join(root, 'js'), path.join(folder, 'js'), { recursive: true });
    const broken = path.join(folder, 'broken.node');
    writeFileSync(broken, 'not a library');
    const code = `try { require(${JSON.stringify(path.join(folder, 'js/index.cjs'))}) }
      catch (error) { console.log(error.code, error.message) }`;
    const { stdout } = await run(code, { env: { NEO_NATIVE_PATH: broken } });
    assert.match(stdout, /^MODULE_NOT_FOUND neo-protocol found no native module for \w+-\w+/);
    assert.ok(stdout.includes(`${broken}: `));
    assert.match(stdout, /@neo-protocol\/\w+-\w+.*: Cannot find module/);
    assert.match(stdout, new RegExp(`${path.join(folder, 'native', 'neo.')}.*node: Cannot find`));
    assert.match(stdout, /issue 4828/);
    assert.match(stdout, /NEO_NATIVE_PATH/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

plain('the native module is found where NEO_NATIVE_PATH says', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'neo-path-'));
  try {
    cpSync(path.join(root, 'js'), path.join(folder, 'js'), { recursive: true });
    const { triple } = require('../js/loader.cjs');
    const code = `const neo = require(${JSON.stringify(path.join(folder, 'js/index.cjs'))});
      console.log(neo.Kernel.open('mem://').url)`;
    const place = path.join(root, 'native', `neo.${triple()}.node`);
    assert.equal((await run(code, { env: { NEO_NATIVE_PATH: place } })).stdout, 'mem://\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

plain('every name of the parity table exists', () => {
  const { readFileSync } = require('node:fs');
  const table = readFileSync(path.join(root, '../conformance/parity.toml'), 'utf8');
  const types = readFileSync(path.join(root, 'js/index.d.cts'), 'utf8');
  const names = [...table.matchAll(/^node = "([^"]+)"$/gm)].map(([, name]) => name);
  assert.ok(names.length > 40, `${names.length} names`);
  for (const name of names) assert.ok(exists(name, types), `${name} does not exist`);
});

/** `Class`, `Class.method`, `Interface.key` as the types declare them; what is code exists, too. */
function exists(name, types) {
  const [first, member] = name.split(/\.(.*)/s, 2);
  const opening = new RegExp(`^export (?:class|interface) ${first}\\b[^{]*\\{$([^]*?)^\\}`, 'm');
  const declared = opening.exec(types)?.[1];
  if (declared === undefined) return typeof neo[first] === 'function' && member === undefined;
  if (member === undefined) return true;
  const isSymbol = member.startsWith('[');
  const word = isSymbol ? String.raw`\[Symbol\.asyncIterator\]` : `${member}\\b`;
  const isTyped = new RegExp(`^  (?:static |readonly )*${word}`, 'm').test(declared);
  const key = isSymbol ? Symbol.asyncIterator : member;
  const Class = neo[first];
  // The code of an error is its own property.
  const isThere = Class === undefined || key in Class.prototype || key in Class || first === 'NeoError';
  return isTyped && isThere;
}
