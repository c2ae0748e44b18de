/** A command in one of a lab's namespaces. */
import { within } from './namespace.ts'
import { type Output, run } from './run.ts'

export const runIn = (namespace: string, argv: readonly string[]): Promise<Output> =>
  run(within(namespace, argv))
