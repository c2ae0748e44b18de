/**
 * The slow obvious compile: every unit over every object, from nothing. It is the oracle of `engine.ts`, and it checks
 * what the engine cannot see cheaply: that no two blocks of one host disagree about an item.
 */
import { CompileConflict, sameItem } from './block.ts'
import { ensure } from './maps.ts'
import type { Emitter, Input, Item, Program } from './program.ts'

/** host -> item id -> item. @throws CompileConflict */
export function fullCompile(
  program: Program,
  inputs: readonly Input[],
): Map<string, Map<string, Item>> {
  const objects = new Map<string, Map<string, unknown>>()
  for (const { collection, key, value } of inputs) {
    if (value) ensure(objects, collection, () => new Map()).set(key, value)
  }
  const indexes = new Map<string, Map<string, Set<string>>>()
  const declared = Object.entries(program.indexes).flatMap(([name, declarations]) =>
    declarations.map((declaration) => ({ name, ...declaration })),
  )
  for (const { name, of, pairs } of declared) {
    const index = ensure(indexes, name, () => new Map<string, Set<string>>())
    for (const [key, object] of objects.get(of) ?? []) {
      for (const [under, member] of pairs(object as never, key))
        ensure(index, under, () => new Set<string>()).add(member)
    }
  }
  const emitted = new Map<string, Item[]>()
  const linked: [host: string, block: string][] = []
  const view: Emitter = {
    get: (collection, key) => objects.get(collection)?.get(key) as never,
    index: (name, key) => indexes.get(name)?.get(key) ?? new Set(),
    derive: (derivation, key) => derivation.run(view, key),
    emit: (block, item) => ensure(emitted, block, () => []).push(item),
    link: (host, block) => linked.push([host, block]),
  }
  for (const unit of program.units) {
    if (unit.on === 'site') unit.run(view, '', '')
    else if (unit.on === 'each')
      for (const key of objects.get(unit.of)?.keys() ?? []) unit.run(view, key, '')
    else
      for (const [key, members] of indexes.get(unit.of) ?? [])
        for (const member of members) unit.run(view, key, member)
  }
  const hosts = new Map<string, Map<string, Item>>()
  for (const [host, block] of linked) {
    const items = ensure(hosts, host, () => new Map<string, Item>())
    for (const item of emitted.get(block) ?? []) {
      const other = items.get(item.id)
      if (other && !sameItem(other, item)) throw new CompileConflict([other, item])
      items.set(item.id, item)
    }
  }
  return hosts
}
