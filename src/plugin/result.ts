// What the model reads of a plugin's answer, or of a call that got none (`openapi.md` section 8).
import type { Json } from '../openai/chat.ts';

/** What an error result says besides its code. */
export interface ErrorResultDetails {
  /** The same call may succeed later, or with other arguments. */
  readonly retryable: boolean;
  /** What was wrong and what to do, for the model. */
  readonly message?: string;
  /** The plugin's HTTP status. */
  readonly status?: number;
  readonly problems?: readonly Json[];
  readonly body?: Json;
}

/** The text of the tool message for a failed call: `{"error":{"code":...,"retryable":...}}` (A5, R7, R8). */
export function errorResult(code: string, details: ErrorResultDetails): string {
  const { status, retryable, message, problems, body } = details;
  return JSON.stringify({ error: { code, status, retryable, message, problems, body } });
}
