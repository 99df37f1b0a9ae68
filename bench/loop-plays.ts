// The loops that are measured: parallel calls, steps, streamed or not.
import { chat } from './requests.ts';
import type { Contestant } from './throughput.ts';
import type { Way } from './ways.ts';

/** So many parallel calls in each of so many steps. */
interface Play {
  readonly calls: number;
  readonly steps: number;
  readonly stream: boolean;
}

/** What quick runs do with. */
const quickPlays: readonly Play[] = [
  { calls: 1, steps: 1, stream: false },
  { calls: 8, steps: 1, stream: false },
  { calls: 1, steps: 5, stream: false },
  { calls: 1, steps: 1, stream: true },
];
const morePlays: readonly Play[] = [
  { calls: 3, steps: 1, stream: false },
  { calls: 1, steps: 2, stream: false },
  { calls: 1, steps: 3, stream: false },
  { calls: 1, steps: 4, stream: false },
  { calls: 3, steps: 1, stream: true },
  { calls: 8, steps: 1, stream: true },
  { calls: 1, steps: 5, stream: true },
];

export interface LoopOptions {
  readonly gateway: Way;
  readonly naive: Way;
  /** Milliseconds that the upstream takes for each answer. */
  readonly takes: number;
  readonly quick: boolean;
}

/** Every loop through the gateway; through the naive one where there is one call in one step, when quick not streamed. */
export function loopContestants({ gateway, naive, takes, quick }: LoopOptions): Contestant[] {
  const plays = quick ? quickPlays : [...quickPlays, ...morePlays];
  return plays.flatMap((play) => {
    const { calls, steps, stream } = play;
    const body = chat(`loop:${calls}x${steps}@${takes}`, { stream });
    const ours = { name: playName(play), ours: true, way: gateway, body };
    return calls * steps === 1 && !(quick && stream)
      ? [ours, { name: `naive: ${ours.name}`, ours: false, way: naive, body }]
      : [ours];
  });
}

function playName({ calls, steps, stream }: Play): string {
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  return `${counted(steps, 'step')} of ${counted(calls, 'call')}${stream ? ', streamed' : ''}`;
}

/** The loops that aims speak of. */
export const [oneCall, eightCalls, fiveSteps] = quickPlays.map(playName) as [string, string, string];
