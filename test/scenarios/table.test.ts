import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { scenarios } from '../../topologies/scenarios/all.ts'
import { cells } from './table.ts'

const at = ({ feature, realizer }: (typeof cells)[number]) => `${feature} on ${realizer}`

test('every cell of the table names what proves it, or says why nothing does, and never both', () => {
  const empty = cells.filter(({ proofs, reason }) => proofs.length === 0 && reason === undefined)
  expect(empty.map(at)).toEqual([])
  const both = cells.filter(({ proofs, reason }) => proofs.length > 0 && reason !== undefined)
  expect(both.map(at)).toEqual([])
})

test('what a cell names is there', () => {
  const missing = cells
    .flatMap(({ proofs }) => proofs)
    .filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))
  expect(missing).toEqual([])
})

test('a scenario shows a kind of host only where it runs: those of the netns lab not in memory alone', () => {
  const netns = ['open-vswitch', 'linux-bridge', 'ovs-vtep']
  const wrong = scenarios.filter(
    ({ not, shows }) =>
      Object.values(shows).some((kinds) => kinds.some((kind) => netns.includes(kind))) &&
      not?.netns !== undefined,
  )
  expect(wrong.map(({ name }) => name)).toEqual([])
  const memory = scenarios.filter(
    ({ not, shows }) =>
      Object.values(shows).some((kinds) => kinds.includes('weft-vtep')) &&
      not?.memory !== undefined,
  )
  expect(memory.map(({ name }) => name)).toEqual([])
})

test('no two scenarios have one name', () => {
  const names = scenarios.map(({ name }) => name)
  expect(names).toHaveLength(new Set(names).size)
})
