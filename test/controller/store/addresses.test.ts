/** Addresses are given in the transaction that writes the port: the journal has them, and a store goes on where it stopped. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { applyEdits } from '../../../controller/model/edit.ts'
import { ModelError } from '../../../controller/model/errors.ts'
import type { Edit } from '../../../controller/model/schema.ts'
import { Store } from '../../../controller/store/store.ts'
import { counting, drop, put, smallSite } from '../model/site.ts'
import { random } from './random-edits.ts'
import { contents, replay } from './replay.ts'

const by = { who: 'test' }
const port = (id: string, spec = {}): Edit => put('port', `acme/${id}`, { network: 'web', ...spec })
const web = (allocationRanges: string[], reserved: string[]): Edit =>
  put('subnet', 'acme/web', { network: 'web', cidr: '10.0.0.0/24', allocationRanges, reserved })
const six = (allocation: 'eui64' | 'pool'): Edit =>
  put('subnet', 'acme/six', { network: 'web', cidr: '2001:db8::/64', allocation })

test('what was given while ranges, ports and MACs changed is what the journal adds up to, and the next one is the same after a restart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-addresses-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'store')
  const store = Store.open(path)
  store.commit([...smallSite, six('pool')], by)
  const pick = random(66)
  const anyEdit = (): Edit => {
    const id = `p${pick(20)}`
    const [from, to] = [20 + pick(20), 30 + pick(20)]
    switch (pick(6)) {
      case 0:
        return drop('port', `acme/${id}`)
      case 1:
        return web([`10.0.0.${from}-10.0.0.${to}`], [`10.0.0.${from + 3}`])
      case 2:
        return six(pick(2) ? 'eui64' : 'pool')
      case 3:
        return port(id, { mac: `02:00:00:00:01:0${pick(9)}` })
      default:
        return port(id)
    }
  }
  let taken = 0
  for (let at = 0; at < 150; at++) {
    try {
      store.commit([anyEdit()], by)
      taken++
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
    }
    const ports = [...store.snapshot.list('port').values()]
    const addresses = ports.flatMap((each) => each.addresses)
    expect(new Set(addresses).size).toBe(addresses.length)
  }
  store.commit([web(['10.0.0.2-10.0.0.254'], [])], by)
  expect(taken).toBeGreaterThan(20)
  const before = contents(store.snapshot)
  expect(replay(store)).toBe(before)
  const expected = applyEdits(store.snapshot as never, [port('next')], counting())
  store.close()
  const again = Store.open(path)
  onTestFinished(() => again.close())
  expect(contents(again.snapshot)).toBe(before)
  again.commit([port('next')], by)
  const given = again.snapshot.get('port', 'acme/next')?.addresses
  expect(given).toEqual(expected.site.get('port', 'acme/next')?.addresses)
  expect(given).toHaveLength(2)
})
