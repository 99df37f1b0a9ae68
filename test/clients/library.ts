// What every client library is asked to do, in its own way; each library's file says how.
import type { Mode } from '../gateway/ask.ts';
import type { TestGateway } from '../gateway/gateway.ts';

/** Where a library finds the gateway. */
export interface Address {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly fetch: typeof fetch;
}

/** The gateway of a test, its answers recorded and checked. */
export function addressOf({ origin, fetch }: TestGateway): Address {
  return { baseURL: `${origin}/v1`, apiKey: 'sk-of-the-client', fetch };
}

/** What the application wants of one conversation. */
export interface Wishes {
  /** `test-model` when absent. */
  readonly model?: string;
  /** The application's own function {@link lookUp}: the library hands its result back and goes on to the final text. */
  readonly lookUp?: (word: string) => string;
  /** The answer is to be an object of {@link weatherSchema}. */
  readonly object?: true;
  /** Limit of the answer. */
  readonly mostTokens?: number;
  /** Automatic retries; none when absent. */
  readonly retries?: number;
  readonly signal?: AbortSignal;
  /** Hears of each piece of visible text while it streams. */
  readonly onText?: (piece: string) => void;
}

/** What the application has at the end. */
export interface Outcome {
  /** Text of the final answer. */
  readonly text: string;
  readonly object?: unknown;
  /** Over all requests of the conversation. */
  readonly tokens: { readonly input: number; readonly output: number };
  /** Names of the functions that the application saw called, in order. */
  readonly called: readonly string[];
}

/** One client library. `ask` holds a conversation that begins with {@link question}; throws the library's own errors. */
export interface ClientLibrary {
  readonly name: string;
  readonly ask: (address: Address, mode: Mode, wishes?: Wishes) => Promise<Outcome>;
}

export const question = 'How is Oslo?';

/** The application's own function. */
export const lookUp = {
  name: 'look_up',
  description: 'Looks a word up.',
  parameters: {
    type: 'object',
    properties: { word: { type: 'string' } },
    required: ['word'],
    additionalProperties: false,
  },
} as const;

/** A format for the answer. */
export const weatherSchema = {
  type: 'object',
  properties: { degrees: { type: 'number' } },
  required: ['degrees'],
  additionalProperties: false,
} as const;

/** The word in the arguments of a call of {@link lookUp}. */
export function wordOf(argumentsText: string): string {
  return (JSON.parse(argumentsText) as { word: string }).word;
}

/** Requests that an application makes at most in one conversation. */
export const mostRequests = 5;
