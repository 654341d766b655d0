import neo = require('neo-protocol');

const kernel: neo.Kernel = neo.Kernel.open();
const message: neo.Message | undefined = kernel.subscribe('a').tryRecv();
const code: neo.Code = new neo.FullError('full').code;
const policy: neo.Policy = 'drop_newest';
// @ts-expect-error: no such export
void neo.nothing;
void [message, code, policy];
