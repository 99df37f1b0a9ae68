// Reads the schemas of one operation within its limits: whole, or as many levels as fit (`openapi.md` F7).
import type { Json, JsonObject } from '../openai/chat.ts';
import type { Report } from './diagnostic.ts';
import type { ApiDocument } from './document.ts';
import type { References } from './reference.ts';
import { createMeter, Outgrown, type Expansions, type Room, type Spent } from './schema-meter.ts';
import { createInline, type Schema } from './schema.ts';
import { isObject, textMember } from './value.ts';

/** Reads the schemas of one operation, which share a budget (F7). They share their parts with others: read-only. */
export interface SchemaReader {
  /** A value that is absent is the schema `{}`. */
  read(value: Json | undefined, pointer: string): Schema;
}

/** A schema that outgrew the limits, as it was read instead. */
interface Outgrowth {
  /** What had been spent before it. */
  readonly from: Spent;
  /** What had been spent behind it, if nothing had been before. */
  readonly cost: Spent;
  readonly levels: number;
  readonly schema: Schema;
}

/** What the operations of one document share. */
export interface SharedSchemas {
  readonly expansions: Expansions;
  /** By the reference that is the whole schema of a body. */
  readonly outgrown: Map<string, Outgrowth>;
  /** Names of `readOnly` properties that were left out, by the schema that had them. */
  readonly omitted: WeakMap<JsonObject, ReadonlySet<string>>;
}

/** No chain of schemas may nest deeper than any document does. */
const wholeRoom: Room = { nodes: 20_000, resolutions: 10_000, levels: 64, beyond: 'stop' };
/** What grows beyond is read to as many levels as fit into this: more than a model is shown. */
const mostNodesByLevel = 2000;
const fewestLevels = 2;

/** Nothing is shared yet. */
export function createSharedSchemas(): SharedSchemas {
  return { expansions: new Map(), outgrown: new Map(), omitted: new WeakMap() };
}

/** A reader for the schemas of one operation of `document`. */
export function createSchemaReader(
  document: ApiDocument,
  references: References,
  report: Report,
  shared: SharedSchemas = createSharedSchemas(),
): SchemaReader {
  const meter = createMeter(shared.expansions);
  const inline = createInline({ document, references, report, meter, omitted: shared.omitted });

  function read(value: Json | undefined, pointer: string): Schema {
    const from = meter.spent;
    const reference = onlyReference(value);
    const known = shared.outgrown.get(reference);
    const again = known && known.from.nodes <= from.nodes && known.from.resolutions <= from.resolutions;
    const whole = again ? null : readWithin(wholeRoom, from, value, pointer);
    if (whole !== null && !meter.cut) return whole;
    if (whole !== null) return reportCut(wholeRoom.levels, whole, pointer);
    const outgrowth = again ? known : readByLevel(from, value, pointer);
    if (reference !== '') shared.outgrown.set(reference, outgrowth);
    meter.start(wholeRoom, add(from, outgrowth.cost));
    return reportCut(outgrowth.levels, outgrowth.schema, pointer);
  }

  function reportCut(kept: number, schema: Schema, pointer: string): Schema {
    const { nodes, resolutions, levels } = wholeRoom;
    const message = `A schema grows beyond ${nodes} nodes, ${resolutions} references or ${levels} levels; it is read to ${kept} levels, what lies deeper without its parts.`;
    report.warning('schema-cut', pointer, message);
    return schema;
  }

  function readByLevel(from: Spent, value: Json | undefined, pointer: string): Outgrowth {
    const nodes = from.nodes + mostNodesByLevel;
    let best: Outgrowth = { from, cost: { nodes: 0, resolutions: 0 }, levels: 0, schema: {} };
    for (let levels = fewestLevels; levels < wholeRoom.levels; levels += 2) {
      const beyond = levels === fewestLevels ? 'shallow' : 'stop';
      const schema = readWithin({ ...wholeRoom, nodes, levels, beyond }, from, value, pointer);
      if (schema === null) break;
      best = { from, cost: subtract(meter.spent, from), levels, schema };
    }
    return best;
  }

  /** `null`: there is not enough room. */
  function readWithin(room: Room, from: Spent, value: Json | undefined, pointer: string): Schema | null {
    meter.start(room, from);
    try {
      return inline(value, pointer);
    } catch (error) {
      if (error instanceof Outgrown) return null;
      throw error;
    }
  }

  return { read };
}

/** The reference that a schema is and nothing else; else `''`. */
function onlyReference(value: Json | undefined): string {
  const alone = isObject(value) && Object.keys(value).length === 1;
  return alone ? (textMember(value, '$ref') ?? '') : '';
}

function add(a: Spent, b: Spent): Spent {
  return { nodes: a.nodes + b.nodes, resolutions: a.resolutions + b.resolutions };
}

function subtract(a: Spent, b: Spent): Spent {
  return { nodes: a.nodes - b.nodes, resolutions: a.resolutions - b.resolutions };
}
