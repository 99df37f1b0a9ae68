// Token counts of a run: every numeric leaf is summed over its steps, known or not.
import type { Chunk, Json, JsonObject, Usage } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';

/** The usage that a chunk carries, wherever its upstream puts it (`wire.md` M2). */
export function usageOf(chunk: Chunk): Usage | null {
  if (isJsonObject(chunk.usage)) return chunk.usage;
  const groq = chunk['x_groq'];
  return isJsonObject(groq) && isJsonObject(groq['usage']) ? groq['usage'] : null;
}

/** Adds two usages leaf by leaf. `null` counts as absent; of a leaf that is no number the later value counts. */
export function addUsage(sum: Usage | null, added: Usage | null): Usage | null {
  if (!sum || !added) return sum ?? added;
  const total: JsonObject = { ...sum };
  for (const [name, value] of Object.entries(added)) total[name] = addLeaf(total[name], value);
  return total;
}

function addLeaf(before: Json | undefined, added: Json | undefined): Json | undefined {
  if (typeof before === 'number' && typeof added === 'number') return before + added;
  if (isJsonObject(before) && isJsonObject(added)) return addUsage(before, added) ?? undefined;
  return added ?? before;
}

/** Completion tokens that a usage counts; `null` when it does not say. */
export function completionTokens(usage: Usage | null): number | null {
  const tokens = usage?.['completion_tokens'];
  return typeof tokens === 'number' && Number.isFinite(tokens) && tokens >= 0 ? tokens : null;
}
