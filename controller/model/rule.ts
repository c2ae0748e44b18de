/** What a rule of the model is. Neighbours: rules.ts has them all, check.ts runs them. */
import type { Problem } from './errors.ts'
import type { Collection, Objects } from './schema.ts'
import type { View } from './snapshot.ts'

/**
 * `edited`: whether the same commit also puts that object, which then is reported for itself.
 * `asked`: whether the spec says that property itself; a value that nobody sent is called the default.
 */
export interface Context {
  readonly view: View
  readonly edited: (collection: Collection, key: string) => boolean
  readonly asked: (field: string) => boolean
}

/** What is wrong with an object that a commit puts, in view of the others; costs by the object. */
export type Rule<C extends Collection> = (
  object: Objects[C],
  key: string,
  at: Context,
) => readonly Problem[]

/** The note of a problem with a value that nobody sent. */
export const defaulted = (field: string, { asked }: Context): string =>
  asked(field) ? '' : ' (the default)'
