/** An item as people write it: in the syntax of ovs-ofctl, of a row `TABLE COLUMN=VALUE, …`. Neighbours: `item-numbers.ts`, `inspection.ts`. */
import { dropBand } from '../../southbound/openflow/meter.ts'
import { formatFlow } from '../../southbound/openflow/text.ts'
import { formatGroup } from '../../southbound/openflow/text-group.ts'
import { formatMeter } from '../../southbound/openflow/text-meter.ts'
import type { Item } from '../compiler/program.ts'
import type { VtepRow } from '../compiler/rows.ts'
import { meterFlagsOfOurs } from './mods.ts'

export function itemText(item: Item): string {
  switch (item.kind) {
    case 'flow':
      return formatFlow(item.flow)
    case 'group':
      return formatGroup(item.group)
    case 'meter': {
      const { meterId: meter_id, pktps } = item
      return formatMeter({ meter_id, flags: meterFlagsOfOurs, bands: [dropBand(pktps)] })
    }
    case 'row':
      return rowText(item.row)
  }
}

/** `Ucast_Macs_Remote mac=02:…, address=10.0.0.12, vtep=192.0.2.12`. */
function rowText({ table: name, ...columns }: VtepRow): string {
  const texts = Object.entries(columns).flatMap(([column, value]) =>
    value === undefined || value === ''
      ? []
      : `${column}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return `${name} ${texts.join(', ')}`
}
