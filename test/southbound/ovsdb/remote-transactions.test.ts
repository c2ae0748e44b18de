/** Transactions of a database with several remotes whose session ends on the way. */
import { afterEach, expect, test } from 'vitest'
import { OvsdbError } from '../../../southbound/ovsdb/error.ts'
import { RemoteDatabase } from '../../../southbound/ovsdb/remote-database.ts'
import { insert, ledger, select } from './ledger.ts'
import { halfServer, type Open, site } from './remote-site.ts'

const signal = AbortSignal.timeout(60_000)
const open: Open = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

test('a transaction whose answer is lost is not sent again, and says so', async () => {
  const { database, up, loseNext, server } = site(open)
  up.add('a').add('b')
  const names = () => [...server.table('Entry').values()].map((row) => row.name)
  await database.connected({ signal })
  loseNext('after')
  const happened = database.transact([insert('Entry', { name: 'one' })], { signal })
  await expect(happened).rejects.toMatchObject({ tag: 'unknown outcome' })
  expect(names()).toEqual(['one'])
  loseNext('before')
  const not = database.transact([insert('Entry', { name: 'two' })], { signal })
  await expect(not).rejects.toMatchObject({ tag: 'unknown outcome' })
  expect(names()).toEqual(['one'])
  // One that only reads is sent again.
  loseNext('after')
  expect(await database.transact([select('Entry', [])], { signal })).toHaveLength(1)
})

test('a repeatable change is built again on rows that show whether it happened', async () => {
  for (const when of ['before', 'after'] as const) {
    const { database, up, loseNext, server } = site(open)
    up.add('a').add('b')
    const replica = await database.monitor({ Entry: ['name'] }, { signal })
    let builds = 0
    loseNext(when)
    await database.change(
      replica,
      (draft) => {
        builds++
        const [there] = draft.rows('Entry', [['name', '==', 'one']], [])
        return there ? [] : [insert('Entry', { name: 'one' })]
      },
      { signal, repeatable: true },
    )
    expect(builds).toBe(2)
    expect(server.table('Entry').size).toBe(1)
    loseNext(when)
    const once = database.change(replica, () => [insert('Entry', { name: 'two' })], { signal })
    await expect(once).rejects.toMatchObject({ tag: 'unknown outcome' })
  }
})

test.each(['connection closed', 'unknown outcome'])(
  'what a peer calls %s is its answer, and nothing is sent again',
  async (tag) => {
    const odd = await halfServer(open, () => new OvsdbError(tag))
    const results = await halfServer(open, () => [{ error: tag }])
    for (const { asked, remote } of [odd, results]) {
      const database = new RemoteDatabase(ledger, { remotes: [remote] })
      open.push(database)
      await expect(database.transact([select('Entry', [])], { signal })).rejects.toMatchObject({
        tag,
      })
      expect(asked.filter((method) => method === 'transact')).toHaveLength(1)
    }
  },
)
