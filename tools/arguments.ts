// Reads numbers from command-line arguments.
import { InvalidArgumentError } from "commander";

/** A parser for whole numbers from `least` to `most`, for commander's options. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  };
}
