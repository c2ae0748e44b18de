/** What should be on one host, as the compiler has it now. Neighbours: `flow-channel.ts`, `vtep/vtep-session.ts` (who asks). */
import type { Compiler } from '../compiler/compiler.ts'
import type { Item } from '../compiler/program.ts'
import type { Desired } from './flow-channel.ts'

/** A host has items of one kind; the guard is for when its kind has changed a moment ago. */
export function desiredOf<I extends Item>(
  compiler: Compiler,
  hostId: string,
  {
    isOfKind,
    ...rest
  }: { isOfKind: (item: Item) => item is I } & Pick<Desired, 'revision' | 'requests'>,
): Desired<I> {
  return {
    *items() {
      for (const item of compiler.items(hostId)) if (isOfKind(item)) yield item
    },
    lookup(id) {
      const item = compiler.lookup(hostId, id)
      return item && isOfKind(item) ? item : undefined
    },
    ...rest,
  }
}
