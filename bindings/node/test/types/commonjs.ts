import { Kernel, NeoClient, type Handler, type Message } from 'neo-protocol';

const echo: Handler = ({ data }) => data;
const kernel = Kernel.open('mem://');
kernel.serve('echo', echo);
const received: Promise<Message> = kernel.subscribe('a').recv({ timeout: 5 });
const client = new NeoClient('mem://x', { memoryBytesMax: 1 << 26 });
const called: Promise<Buffer> = client.call('s', 'm', Buffer.from(''), { timeout: 5 });
// @ts-expect-error: milliseconds
void kernel.subscribe('a').recv({ timeout: '5' });
void [received, called];
