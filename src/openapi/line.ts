// Where in a YAML or JSON text the values at JSON pointers begin, for the lines of findings.
import { EVENT_ID, getScalarValue, parseEvents } from 'js-yaml';
import { pointerSteps } from './value.ts';
import { maxDepth } from './yaml.ts';

/** Above this, lines are not looked up: it costs a second parse. */
const longestLocated = 8 * 1024 * 1024;

/** A pointer that is looked for: its steps as a tree. */
interface Wanted {
  index: number;
  readonly below: Map<string, Wanted>;
}

interface Frame {
  readonly wanted: Wanted | undefined;
  readonly sequence: boolean;
  position: number;
  key: { name: string; index: number } | null;
}

function plant(pointers: Iterable<string>): Wanted {
  const root: Wanted = { index: 0, below: new Map() };
  for (const pointer of pointers) {
    let at = root;
    for (const step of pointerSteps(pointer)) {
      const next = at.below.get(step) ?? { index: -1, below: new Map<string, Wanted>() };
      at.below.set(step, next);
      at = next;
    }
  }
  return root;
}

/** Walks the events of a text once and notes where each wanted member starts: at its key, or at its element. */
function findIndexes(text: string, root: Wanted): void {
  const frames: Frame[] = [];
  for (const event of parseEvents(text, { maxDepth })) {
    if (event.type === EVENT_ID.POP) frames.pop();
    else if (event.type === EVENT_ID.DOCUMENT) {
      frames.push({ wanted: undefined, sequence: false, position: 0, key: null });
    } else {
      const parent = frames.at(-1);
      const start =
        event.type === EVENT_ID.SCALAR
          ? event.valueStart
          : event.type === EVENT_ID.ALIAS
            ? event.anchorStart
            : event.start;
      const isKey = parent !== undefined && frames.length > 1 && !parent.sequence && parent.key === null;
      if (isKey && event.type === EVENT_ID.SCALAR) {
        parent.key = { name: parent.wanted ? getScalarValue(text, event) : '', index: start };
        continue;
      }
      const step =
        frames.length === 1 ? null : parent?.sequence ? String(parent.position++) : (parent?.key?.name ?? '');
      const wanted = step === null ? root : parent?.wanted?.below.get(step);
      if (wanted) wanted.index = parent?.key?.index ?? start;
      if (parent) parent.key = isKey ? { name: '', index: start } : null;
      if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) {
        frames.push({ wanted, sequence: event.type === EVENT_ID.SEQUENCE, position: 0, key: null });
      }
    }
  }
}

/**
 * The 1-based lines on which the values at JSON pointers begin (a member begins at its key), or those of their nearest
 * existing parents. `null` where the text cannot be followed. One pass, however many pointers.
 */
export function linesOf(text: string, pointers: Iterable<string>): Map<string, number | null> {
  const lines = new Map<string, number | null>();
  const list = [...pointers];
  const root = plant(list);
  try {
    if (text.length > longestLocated) throw new RangeError('too long');
    findIndexes(text, root);
  } catch {
    for (const pointer of list) lines.set(pointer, null);
    return lines;
  }
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  for (const pointer of list) {
    let at = root;
    for (const step of pointerSteps(pointer)) {
      const next = at.below.get(step);
      if (!next || next.index < 0) break;
      at = next;
    }
    lines.set(pointer, lineAt(starts, at.index));
  }
  return lines;
}

function lineAt(starts: readonly number[], index: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** The line of one pointer; see {@link linesOf}. */
export function lineOf(text: string, pointer: string): number | null {
  return linesOf(text, [pointer]).get(pointer) ?? null;
}
