/** What a resolver is given and gives: spec in its place -> object without its revision. Neighbour: resolve.ts. */
import type { Collection, Objects, Specs } from './schema.ts'
import type { Draft } from './snapshot.ts'

export interface Place<C extends Collection> {
  readonly parent: string
  readonly id: string
  readonly before: Objects[C] | undefined
  readonly draft: Draft
  readonly uuid: () => string
  /** What ports of the same commit say: 'acme/web 02:00:00:00:00:11'. */
  readonly claimedMacs: ReadonlySet<string>
}

/** Distributes, so that a union of collections is a union of objects. */
export type Unrevised<C extends Collection> = C extends Collection
  ? Omit<Objects[C], 'revision'>
  : never

/** @throws ModelError when the spec cannot become an object, or nothing is left to give */
export type Resolve<C extends Collection> = (spec: Specs[C], place: Place<C>) => Unrevised<C>
