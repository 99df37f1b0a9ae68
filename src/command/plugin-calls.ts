// Shows plugin calls to a person: what was asked of which operation, and what came back.
import type { PluginCall } from '../openai/chat.ts';
import { wrap } from './table.ts';
import type { Terminal } from './terminal.ts';

const maxResult = 600;

/** Each call in two or more lines: operation with arguments, then status, time and result. */
export function drawCalls(
  calls: readonly PluginCall[],
  terminal: Pick<Terminal, 'columns' | 'paint'>,
): string {
  return calls
    .map((call) => {
      const name = terminal.paint('cyan', `${call.plugin}.${call.operation}`);
      const good = typeof call.status === 'number' && call.status < 400;
      const status = terminal.paint(good ? 'green' : 'red', String(call.status));
      const head = `  ${name}(${JSON.stringify(call.arguments)})`;
      const result = wrap(shorten(call.result), terminal.columns, '      ');
      return `${head}\n    ${status} in ${Math.round(call.milliseconds)} ms\n${result}`;
    })
    .join('\n');
}

function shorten(text: string): string {
  return text.length > maxResult ? `${text.slice(0, maxResult)} ... (${text.length} characters)` : text;
}
