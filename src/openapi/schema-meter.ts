// What reading the schemas of one operation costs (F7), and what it shares with the other operations of its document.
import type { JsonObject } from '../openai/chat.ts';

/** What was read. */
export interface Spent {
  readonly nodes: number;
  readonly resolutions: number;
}

/** How far reading may go. */
export interface Room extends Spent {
  readonly levels: number;
  /** What comes beyond so many nodes: {@link Outgrown}, or schemas without their parts. */
  readonly beyond: 'stop' | 'shallow';
}

/** There is not enough room. */
export class Outgrown extends Error {}

type Schema = boolean | JsonObject;

/** A target with all that it refers to: the same at every place that has none of its inside above it. */
interface Expansion extends Spent {
  readonly schema: Schema;
  /** Levels below the target. */
  readonly height: number;
  /** Pointers of the targets in it, its own too. */
  readonly inside: ReadonlySet<string>;
}

/** Complete targets by pointer: what one operation of a document inlines, the others need not read again. */
export type Expansions = Map<string, Expansion>;

/** What is found while a target is inlined. */
interface Finding {
  readonly inside: Set<string>;
  /** Targets above it that it refers to. */
  readonly above: Set<string>;
  deepest: number;
  cut: boolean;
}

/** Counts the schemas and references of one operation. */
export interface Meter {
  readonly spent: Spent;
  /** Whether a schema was left without its parts since the start. */
  readonly cut: boolean;
  /** Begins, or begins anew, at what had been spent before. */
  start(room: Room, from: Spent): void;
  /** Counts a schema: whether there is room for its parts. Throws {@link Outgrown}. */
  take(depth: number): boolean;
  /** Counts a reference. */
  resolve(): void;
  /** Notes a reference to a target above. */
  repeat(pointer: string): void;
  /** The target at a pointer, below those of `path`: as it was read before, or as it is read now. */
  share(pointer: string, path: readonly string[], depth: number, read: () => Schema): Schema;
}

/** A meter for one operation. */
export function createMeter(expansions: Expansions): Meter {
  let room: Room = { nodes: 0, resolutions: 0, levels: 0, beyond: 'stop' };
  let nodes = 0;
  let resolutions = 0;
  let finding = createFinding(0);

  function fits(known: Expansion, path: readonly string[], depth: number): boolean {
    return (
      nodes + known.nodes <= room.nodes &&
      resolutions + known.resolutions <= room.resolutions &&
      depth + known.height <= room.levels &&
      !path.some((pointer) => known.inside.has(pointer))
    );
  }

  /** Reads a target, and keeps it if nothing in it depends on what stands above. */
  function expand(pointer: string, depth: number, read: () => Schema): Schema {
    const outer = finding;
    const start = { nodes, resolutions };
    finding = createFinding(depth);
    const schema = read();
    const { inside, above, deepest, cut } = finding;
    inside.add(pointer);
    above.delete(pointer);
    if (above.size === 0 && !cut) {
      const spent = { nodes: nodes - start.nodes, resolutions: resolutions - start.resolutions };
      expansions.set(pointer, { schema, ...spent, height: deepest - depth, inside });
    }
    for (const one of inside) outer.inside.add(one);
    for (const one of above) outer.above.add(one);
    outer.deepest = Math.max(outer.deepest, deepest);
    outer.cut ||= cut;
    finding = outer;
    return schema;
  }

  return {
    get spent() {
      return { nodes, resolutions };
    },
    get cut() {
      return finding.cut;
    },
    start(within, from) {
      room = within;
      ({ nodes, resolutions } = from);
      finding = createFinding(0);
    },
    take(depth) {
      nodes += 1;
      finding.deepest = Math.max(finding.deepest, depth);
      const outgrown = nodes > room.nodes || resolutions > room.resolutions;
      if (outgrown && room.beyond === 'stop') throw new Outgrown();
      if (!outgrown && depth <= room.levels) return true;
      finding.cut = true;
      return false;
    },
    resolve() {
      resolutions += 1;
    },
    repeat(pointer) {
      finding.above.add(pointer);
    },
    share(pointer, path, depth, read) {
      const known = expansions.get(pointer);
      if (!known || !fits(known, path, depth)) return expand(pointer, depth, read);
      nodes += known.nodes;
      resolutions += known.resolutions;
      for (const one of known.inside) finding.inside.add(one);
      finding.deepest = Math.max(finding.deepest, depth + known.height);
      return known.schema;
    },
  };
}

function createFinding(depth: number): Finding {
  return { inside: new Set(), above: new Set(), deepest: depth, cut: false };
}
