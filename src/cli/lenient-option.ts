// How `run` and `check` are told what to do with keys that nobody knows.
import { Option } from 'commander';

/** A file of a newer version, or with keys of somebody else. */
export function lenientOption(): Option {
  return new Option('--lenient', 'unknown keys are warnings, except where they are about trust').conflicts('strict');
}

/** What is done anyway; commands that were written when it was not go on working. */
export function strictOption(): Option {
  return new Option('--strict', 'unknown keys are errors: the default').hideHelp();
}
