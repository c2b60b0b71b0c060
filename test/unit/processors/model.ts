// The model of the mailbox and the lock for three CPUs: every operation on a shared word, every turn of a wait and every
// interrupt is one step, and any CPU may take the next one. A store reaches the shared words in a step of its own, behind which
// the CPU's later loads may have been (SDM 3A 9.2.2). hv/core/processors is held to the model by replay.test.ts.

import { CPUS, type Scenario } from "./scenario.ts";
import { ANSWERS, ASKED, CARRIED_OUT, GHOSTS, PENDING, pending, type State } from "./state.ts";
import { type Defect, HOLDING, POSTING, type Step, Turn } from "./turn.ts";

export class Model {
  readonly scenario: Scenario;
  readonly #defects: ReadonlySet<Defect>;

  constructor(scenario: Scenario, ...defects: readonly Defect[]) {
    this.scenario = scenario;
    this.#defects = new Set(defects);
  }

  initial(): State {
    const state = new Array<number>(GHOSTS + this.scenario.asks * CPUS).fill(0);
    for (let cpu = 0; cpu < CPUS; cpu++) {
      const turn = this.#turn(state, cpu);
      turn.set("node", cpu + 1);
      turn.begin(0);
    }
    return state;
  }

  /** Every step that can be taken in `state`. */
  steps(state: State): Step[] {
    const steps: Step[] = [];
    for (let cpu = 0; cpu < CPUS; cpu++) {
      const now = this.#turn(state, cpu);
      if (now.get("isArriving") !== 0) steps.push(this.#turn([...state], cpu).arrive());
      if (now.get("stores") !== 0) steps.push(this.#turn([...state], cpu).drain());
      if (!now.canStep) continue;
      steps.push(this.#turn([...state], cpu).step(false));
      if (now.mayExpire) steps.push(this.#turn([...state], cpu).step(true));
    }
    return steps;
  }

  /** All scripts are over, and all CPUs sleep. */
  isEnd(state: State): boolean {
    return this.#all(
      state,
      (turn) => turn.isIdle && turn.label === "halt" && !turn.isWoken && turn.get("stores") === 0,
    );
  }

  /** What is wrong with a state in itself. */
  violationOf(state: State): string | null {
    const turns = Array.from({ length: CPUS }, (_, cpu) => this.#turn(state, cpu));
    if (turns.filter((turn) => HOLDING.has(turn.label)).length > 1) return "two CPUs hold the lock";
    for (const turn of turns) {
      if (turn.get("passed") >= CPUS) return `CPU ${turn.cpu} was passed in the lock's queue`;
      if (turn.label !== "halt" || turn.isWoken) continue;
      const rung = turns.filter((sender) => (state[pending(turn.cpu)]! >> sender.cpu) & 1);
      if (rung.some((sender) => !POSTING.has(sender.label))) return `CPU ${turn.cpu} sleeps, and has mail`;
    }
    return null;
  }

  /** What is wrong with a state in which nothing is left to do. */
  violationOfEnd(state: State): string | null {
    const outcomes = state.slice(GHOSTS);
    const asked = outcomes.filter((outcome) => outcome === ASKED || outcome === CARRIED_OUT);
    if (asked.length !== 0) return "a request is lost";
    if (state.slice(PENDING, ANSWERS).some((word) => word !== 0)) return "mail is left behind";
    return null;
  }

  #all(state: State, holds: (turn: Turn) => boolean): boolean {
    for (let cpu = 0; cpu < CPUS; cpu++) if (!holds(this.#turn(state, cpu))) return false;
    return true;
  }

  #turn(state: State, cpu: number): Turn {
    return new Turn(this.scenario, this.#defects, state, cpu);
  }
}
