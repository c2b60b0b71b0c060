// The ends of a run of core that are no return from `boot`.

/** An exception in host code: on the metal a report and the result host-exception. */
export class HostException extends Error {
  readonly vector: number;

  constructor(vector: number, message: string) {
    super(message);
    this.vector = vector;
  }
}

export const UD = 6;
export const GP = 13;
export const PF = 14;

/** core announced a result and ended the machine. */
export class Finished extends Error {
  readonly result: number;
  readonly resultName: string;

  constructor(result: number, resultName: string) {
    super(`result ${result} ${resultName}`);
    this.result = result;
    this.resultName = resultName;
  }
}

/** The runtime's own ends (boot/runtime/report.c): an assertion of core, a VMREAD or VMWRITE that failed. */
export class Panic extends Error {
  readonly result: number;
  readonly resultName: string;

  constructor(result: number, resultName: string, message: string) {
    super(message);
    this.result = result;
    this.resultName = resultName;
  }
}
