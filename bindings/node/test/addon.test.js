'use strict';

const { execFileSync } = require('node:child_process');
const { existsSync, mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { assert, neo, root, test } = require('./harness.js');

/** Where node_api.h is: beside the program, or where the system has it. */
const headers = [path.join(process.execPath, '../../include/node'), '/usr/include/node']
  .find((folder) => existsSync(path.join(folder, 'node_api.h')));

const skip = headers === undefined && 'no node_api.h beside node or in /usr/include/node';

test('a C addon uses the very kernel of its host', { skip }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'neo-addon-'));
  try {
    const file = path.join(folder, 'addon.node');
    const include = path.join(root, '../../include');
    execFileSync('cc', ['-std=c11', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared',
      `-I${include}`, `-I${headers}`, '-o', file, path.join(__dirname, 'addon.c')]);
    const addon = require(file);
    const kernel = neo.Kernel.open('mem://');
    const subscription = kernel.subscribe('from.*');
    const external = kernel.external();
    assert.equal(addon.publish(external), 1);
    const message = subscription.tryRecv();
    assert.deepEqual([message.topic, String(message.data)], ['from.c', 'hello']);
    assert.throws(() => addon.publish({}), /pass kernel\.external\(\)/);
    kernel.close();
    assert.equal(addon.publish(external), new neo.ClosedError('').number);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
