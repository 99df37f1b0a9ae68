// The texts that the upstream and the plugins' API answer with; `upstream.lua` chooses among them.

const text = 'The quick brown fox jumps over the lazy dog, and the dog does not mind at all. '.repeat(8);
const head = { id: 'chatcmpl-<SERIAL>', created: 1_700_000_000, model: 'bench', system_fingerprint: 'fp' };
const opening = { role: 'assistant', content: '', refusal: null };
const usage = { prompt_tokens: 100, completion_tokens: 80, total_tokens: 180 };

/** How many parallel calls an answer can have. */
const parallelCalls = [1, 3, 8] as const;

/** Every file, by name. `<SERIAL>` stands for a number that no other answer has. */
export function answerFiles(): Record<string, string> {
  const files: Record<string, string> = {
    'final.json': completion({ content: text }, 'stop'),
    ...streams('final', spoken(text.split(/(?<= )/)), 'stop'),
    // With the first and the last, 200 events.
    ...streams('events', spoken(Array.from({ length: 198 }, (_, at) => `word${at} `)), 'stop'),
    'paced-start.events': event(chunk(opening, null)),
    'paced.event': event(chunk({ content: '<NUMBER> at <NOW> ' }, null)),
    'paced-end.events': `${event(chunk({}, 'stop'))}data: [DONE]\n\n`,
    'api.json': JSON.stringify({
      word: 'fox',
      meanings: Array.from({ length: 10 }, (_, at) => ({ at, meaning: text.slice(0, 60) })),
    }),
  };
  for (const count of parallelCalls) {
    const calls = Array.from({ length: count }, (_, at) => callOf(at));
    files[`calls-${count}.json`] = completion({ content: null, tool_calls: calls }, 'tool_calls');
    Object.assign(files, streams(`calls-${count}`, calls.flatMap(callDeltas), 'tool_calls'));
  }
  return files;
}

/** A call that no other answer has: of equal ones the gateway makes two (M12). */
function callOf(at: number) {
  const name = `bench__operation${String(at + 1).padStart(2, '0')}`;
  const input = '{"word":"fox","limit":<SERIAL>}';
  return { id: `call_<SERIAL>_${at}`, type: 'function', function: { name, arguments: input } };
}

/** A call as it comes in a stream: first the name, then the arguments in pieces. */
function callDeltas(call: ReturnType<typeof callOf>, index: number): object[] {
  const { name, arguments: input } = call.function;
  const pieces = input.match(/<\w+>|[^<]{1,8}/g) ?? [];
  const delta = (part: object) => ({ tool_calls: [{ index, ...part }] });
  return [
    delta({ ...call, function: { name, arguments: '' } }),
    ...pieces.map((piece) => delta({ function: { arguments: piece } })),
  ];
}

function completion(message: object, finish: string): string {
  const choice = { index: 0, message: { role: 'assistant', refusal: null, ...message }, logprobs: null };
  return JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [{ ...choice, finish_reason: finish }],
    usage,
  });
}

function chunk(delta: object, finish: string | null): object {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  return { ...head, object: 'chat.completion.chunk', choices };
}

function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function spoken(words: readonly string[]): object[] {
  return words.map((content) => ({ content }));
}

/** A stream as it comes without, and with, the usage that `stream_options` asks for. */
function streams(name: string, deltas: readonly object[], finish: string): Record<string, string> {
  const events = [opening, ...deltas]
    .map((delta) => event(chunk(delta, null)))
    .concat(event(chunk({}, finish)))
    .join('');
  const used = event({ ...head, object: 'chat.completion.chunk', choices: [], usage });
  return {
    [`${name}.events`]: `${events}data: [DONE]\n\n`,
    [`${name}.usage.events`]: `${events}${used}data: [DONE]\n\n`,
  };
}
