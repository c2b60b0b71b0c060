// Reads numbers and sizes from command-line arguments.
import { InvalidArgumentError } from "commander";

/** A parser for whole numbers from `least` to `most`, for commander's options. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
  };
}

/** A parser for RAM as "256M" or "1G", from `least` to `most` MiB in even numbers; MiB. */
export function memorySize(least: number, most: number): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d{1,6})([MG])$/.exec(text) ?? [];
    const size = Number(digits) * (unit === "G" ? 1024 : 1);
    if (size >= least && size <= most && size % 2 === 0) return size;
    throw new InvalidArgumentError(`It takes an even number of MiB from ${least}M to ${most}M, or GiB as in 1G.`);
  };
}
