import { expectTypeOf, test } from 'vitest'
import type { OvsdbClient } from '../../../southbound/ovsdb/client.ts'
import { operations } from '../../../southbound/ovsdb/operation.ts'
import type { OpenVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import { openVSwitch, type RowOf } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { OvsdbServer } from '../../../southbound/ovsdb/server.ts'

test('rows are typed from the declared schema', () => {
  expectTypeOf<RowOf<'Interface'>['ofport']>().toEqualTypeOf<number | undefined>()
  expectTypeOf<RowOf<'Bridge'>['fail_mode']>().toEqualTypeOf<'standalone' | 'secure' | undefined>()
  expectTypeOf<RowOf<'Port'>['interfaces']>().toEqualTypeOf<readonly string[]>()
  expectTypeOf<RowOf<'Port'>['external_ids']>().toEqualTypeOf<Readonly<Record<string, string>>>()
  expectTypeOf<RowOf<'Open_vSwitch'>['cur_cfg']>().toEqualTypeOf<number>()
})

test('a replica row has the columns asked for and no other', () => {
  const monitor = async (client: OvsdbClient, signal: AbortSignal) => {
    const replica = await client.monitor(
      openVSwitch,
      { Bridge: ['name', 'ports'], Port: { columns: ['tag'], where: [['name', '==', 'x']] } },
      { signal },
    )
    const bridge = [...replica.table('Bridge').values()][0]
    const port = [...replica.table('Port').values()][0]
    return { bridge, port }
  }
  type Result = Awaited<ReturnType<typeof monitor>>
  expectTypeOf<NonNullable<Result['bridge']>['name']>().toEqualTypeOf<string>()
  expectTypeOf<keyof NonNullable<Result['bridge']>>().toEqualTypeOf<'_uuid' | 'name' | 'ports'>()
  expectTypeOf<NonNullable<Result['port']>['tag']>().toEqualTypeOf<number | undefined>()
})

test('operations refuse unknown tables, columns and values at compile time', () => {
  const { insert, mutate } = operations(openVSwitch)
  const wrong = () => {
    // @ts-expect-error no such table
    insert('Brigde', {})
    // @ts-expect-error no such column
    insert('Bridge', { nam: 'x' })
    // @ts-expect-error not a fail_mode
    insert('Bridge', { fail_mode: 'open' })
    // @ts-expect-error a set of strings
    mutate('Bridge', 'uuid', 'ports', 'insert', [1])
    mutate('Bridge', 'uuid', 'ports', 'insert', ['port'])
    mutate('Open_vSwitch', [], 'next_cfg', '+=', 1)
    mutate('Open_vSwitch', [], 'external_ids', 'insert', { a: 'b' })
    mutate('Open_vSwitch', [], 'external_ids', 'delete', ['a'])
    insert('Bridge', { fail_mode: undefined })
    // @ts-expect-error a scalar cannot be emptied
    insert('Bridge', { name: undefined })
  }
  expectTypeOf(wrong).toBeFunction()
})

test('changes of the server are told apart by their table', () => {
  const listen = (server: OvsdbServer<OpenVSwitch>) =>
    server.onCommit((changes) => {
      for (const change of changes) {
        if (change.table === 'Interface') {
          expectTypeOf(change.after).toEqualTypeOf<
            (RowOf<'Interface'> & { readonly _version: string }) | undefined
          >()
        }
      }
    })
  expectTypeOf(listen).toBeFunction()
})
