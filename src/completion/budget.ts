// What a run may spend. Each limit is a predicate with a name; asked between steps, it ends in an answer.

/** Limits of one run (`wire.md` M12, `security.md` section 8). */
export interface Budget {
  /** Upstream answers, the closing one included. */
  readonly steps: number;
  /** Plugin calls of the whole run. */
  readonly calls: number;
  /** Plugin calls at the same time. */
  readonly parallel: number;
  /** Plugin calls of one step. */
  readonly callsPerStep: number;
  /** Calls with arguments that do not fit, or of functions that do not exist. */
  readonly badCalls: number;
  /** What the client's bound on completion tokens bounds (`wire.md` M9). */
  readonly tokens: 'perRun' | 'perStep';
}

/** What a run has spent. */
export interface Spent {
  steps: number;
  calls: number;
  badCalls: number;
}

/** The next step must be the last: its calls will not be run. */
export function mustClose(spent: Spent, budget: Budget): boolean {
  return spent.steps + 1 >= budget.steps || spent.calls >= budget.calls || spent.badCalls >= budget.badCalls;
}

/** Fewer completion tokens than a step needs (`wire.md` M9; 16 is the least that `/v1/responses` takes). */
export function tooFewTokens(left: number | null): boolean {
  return left !== null && left < 16;
}

/** Which calls of a step may run: as many as the run, and the step, have left. */
export function allowedCalls(wanted: number, spent: Spent, budget: Budget): number {
  return Math.max(0, Math.min(wanted, budget.callsPerStep, budget.calls - spent.calls));
}
