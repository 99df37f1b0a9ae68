// `plugin-gateway chat`: sends one message through a running gateway and shows the plugin calls.
import OpenAI from 'openai';
import type { PluginCall } from '../openai/chat.ts';
import { readArguments } from './arguments.ts';
import { drawCalls } from './plugin-calls.ts';
import type { Terminal } from './terminal.ts';

export const help = `
Usage: plugin-gateway chat MESSAGE [--url URL] [--key KEY] [--model MODEL] [--plugins NAMES]

Sends one message through a running gateway, writes the answer as it arrives, and then the plugin
calls that were made for it: operation, arguments, status, time and result.

  --url URL        base URL of the gateway; default http://127.0.0.1:8080/v1
  --key KEY        key of this gateway, or of the upstream behind it; default PLUGIN_GATEWAY_KEY,
                   else OPENAI_API_KEY
  --model MODEL    default gpt-4o-mini; the demo model answers to any name
  --plugins NAMES  only these plugins, such as todo,bookshop; "none" for none

Example: plugin-gateway chat 'Add milk to my shopping list, then show my shopping list'
`;

/** A chunk or an answer of the gateway may carry what plugins did. */
interface Traced {
  readonly plugin_calls?: readonly PluginCall[];
}

/** Runs the command. Exit code 1 when the gateway cannot be reached or answers with an error. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args, {
    options: {
      url: { type: 'string', default: 'http://127.0.0.1:8080/v1' },
      key: { type: 'string' },
      model: { type: 'string', default: 'gpt-4o-mini' },
      plugins: { type: 'string' },
    },
    positionals: ['MESSAGE'],
  });
  const { environment } = terminal;
  const client = new OpenAI({
    baseURL: values.url,
    apiKey: values.key ?? environment['PLUGIN_GATEWAY_KEY'] ?? environment['OPENAI_API_KEY'] ?? 'none',
    maxRetries: 0,
    defaultHeaders: { 'x-plugin-trace': 'full', ...(values.plugins && { 'x-plugins': values.plugins }) },
  });
  try {
    await stream(client, values.model, positionals[0] ?? '', terminal);
    return 0;
  } catch (error) {
    terminal.trouble(explain(error, values.url));
    return 1;
  }
}

async function stream(client: OpenAI, model: string, message: string, terminal: Terminal): Promise<void> {
  const chunks = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: message }],
    stream: true,
  });
  let calls: readonly PluginCall[] = [];
  for await (const chunk of chunks) {
    terminal.text(chunk.choices[0]?.delta.content ?? '');
    calls = (chunk as Traced).plugin_calls ?? calls;
  }
  terminal.line();
  terminal.line();
  terminal.line(terminal.paint('bold', calls.length === 0 ? 'No plugin was called.' : 'Plugin calls'));
  if (calls.length > 0) terminal.line(drawCalls(calls, terminal));
}

function explain(error: unknown, url: string): string {
  if (error instanceof OpenAI.APIConnectionError) {
    return `No gateway answers at ${url}. Start one with "npm start" or "plugin-gateway serve", or name it with --url.`;
  }
  return error instanceof Error ? error.message : String(error);
}
