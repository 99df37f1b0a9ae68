// `plugin-gateway demo`: the whole loop on this machine: real client, gateway, demo model, sample plugins, their API.
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import OpenAI from 'openai';
import { createApp } from '../app.ts';
import { fillDefaults } from '../config/defaults.ts';
import { configSchema, type Config } from '../config/schema.ts';
import { createSamplesApi, type SampleRequest } from '../http/samples-api.ts';
import type { PluginCall } from '../openai/chat.ts';
import { readArguments } from './arguments.ts';
import { drawPlugins } from './plugin-list.ts';
import { wrap } from './table.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway demo

Starts a gateway with the demo model, the sample plugins and their API on free ports of this machine,
chats with it through the "openai" package, and shows what was asked, which plugin calls were made,
which requests the API got, and the answer. Needs no key and no network; ignores your configuration
and OPENAI_API_KEY.
`;

/** A chat of the demo. */
interface Chat {
  readonly message: string;
  readonly stream: boolean;
  /** What there is to see. */
  readonly shows: string;
}

const chats: readonly Chat[] = [
  {
    message: 'Add oat milk, bread and tea to my shopping list, then show my shopping list.',
    stream: false,
    shows: 'three calls at once, then one that waits for them; a header and a JSON body',
  },
  {
    message: 'How many miles is 42.195 km? And find books about the sea under 20 euro.',
    stream: true,
    shows: 'two plugins, streamed; the document of one was fetched by URL, the other has a bearer token',
  },
  {
    message: 'Order two copies of "A Light Above the Harbour".',
    stream: true,
    shows: 'the book is looked up first: its id from one result goes into the next call',
  },
  {
    message: 'Mark the bread to-do on my shopping list as done, then delete to-do 99.',
    stream: false,
    shows: 'an error of the API goes to the model as a result; the run goes on',
  },
];

/** Runs the command: exit code 0 when every chat got its answer. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  readArguments(args, { options: {}, positionals: [] });
  const requests: SampleRequest[] = [];
  const samples = createSamplesApi({ onRequest: (request) => requests.push(request) });
  try {
    const app = await createApp(demoConfig(await samples.listen({ host: '127.0.0.1', port: 0 })));
    try {
      const url = await app.listen();
      terminal.line(`A gateway listens on ${url}/v1. The demo model stands behind it, with these plugins:\n`);
      terminal.line(drawPlugins(app.registry.current().plugins, terminal));
      const client = new OpenAI({
        baseURL: `${url}/v1`,
        apiKey: 'none',
        maxRetries: 0,
        defaultHeaders: { 'x-plugin-trace': 'summary' },
      });
      for (const chat of chats) {
        requests.length = 0;
        const calls = await show(chat, client, requests, terminal);
        if (calls === 0) throw new Error('A chat of the demo made no plugin call: something is broken.');
      }
    } finally {
      await app.close();
    }
  } finally {
    await samples.close();
  }
  terminal.line('That was the whole route: client, gateway, model, plugins, and back. Next: "npm start".');
  return 0;
}

/** The sample plugins, their API where it listens now, everything else as by default. */
function demoConfig(api: string): Config {
  // Beside package.json, wherever a release has put this code.
  const folder = join(dirname(findPackageJSON(import.meta.url) ?? '.'), 'well-known');
  const egress = [new URL(api).host];
  return fillDefaults(configSchema, {
    listen: { host: '127.0.0.1', port: 0 },
    upstreams: [],
    plugins: {
      folder,
      settings: {
        todo: { server: `${api}/todo`, egress },
        converter: { spec: `${api}/converter/openapi.json`, egress },
        bookshop: { server: `${api}/bookshop`, egress },
      },
    },
    store: { url: 'memory:' },
  }) as Config;
}

async function show(
  chat: Chat,
  client: OpenAI,
  requests: readonly SampleRequest[],
  terminal: Terminal,
): Promise<number> {
  terminal.line('');
  terminal.line(
    `${terminal.paint('bold', 'Asked')} ${chat.stream ? '(streaming)' : '(not streaming)'}: ${chat.message}`,
  );
  terminal.line(terminal.paint('dim', `  To see: ${chat.shows}.`));
  const { text, calls } = await ask(chat, client);
  terminal.line(terminal.paint('bold', 'Plugin calls'));
  for (const call of calls) {
    const what = `${call.plugin}.${call.operation}(${JSON.stringify(call.arguments)})`;
    terminal.line(`  ${terminal.paint('cyan', what)} -> ${call.status}, ${Math.round(call.milliseconds)} ms`);
  }
  terminal.line(terminal.paint('bold', 'Requests that reached the API'));
  for (const request of requests) terminal.line(describeRequest(request));
  terminal.line(terminal.paint('bold', 'Answer'));
  terminal.line(wrap(text, terminal.columns, '  '));
  return calls.length;
}

async function ask(chat: Chat, client: OpenAI): Promise<{ text: string; calls: readonly PluginCall[] }> {
  const question = { model: 'any-model', messages: [{ role: 'user' as const, content: chat.message }] };
  if (!chat.stream) {
    const answer = await client.chat.completions.create(question);
    return { text: answer.choices[0]?.message.content ?? '', calls: callsOf(answer) };
  }
  let text = '';
  let calls: readonly PluginCall[] = [];
  for await (const chunk of await client.chat.completions.create({ ...question, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
    calls = [...calls, ...callsOf(chunk)];
  }
  return { text, calls };
}

function callsOf(answer: object): readonly PluginCall[] {
  return (answer as { plugin_calls?: readonly PluginCall[] }).plugin_calls ?? [];
}

function describeRequest({ method, url, headers, body, status }: SampleRequest): string {
  const shown = ['x-list', 'x-todo-user', 'x-customer', 'x-sales-channel', 'authorization'].flatMap(
    (name) => {
      const value = name === 'authorization' && headers[name] ? 'Bearer ***' : headers[name];
      return value === undefined ? [] : [`${name}: ${String(value)}`];
    },
  );
  const parts = [...shown, ...(body === undefined ? [] : [JSON.stringify(body)])];
  return [`  ${method} ${url} -> ${status}`, ...parts.map((part) => `      ${part}`)].join('\n');
}
