/** The declared hardware_vtep beside the one that Debian's openvswitch-vtep installs. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { formatSchema, parseSchema } from '../../../southbound/ovsdb/schema-json.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { needs } from '../../needs.ts'

describe('hardware_vtep', needs('vtep'), () => {
  test('the declared schema is the one that Open vSwitch installs', () => {
    const file = readFileSync('/usr/share/openvswitch/vtep.ovsschema', 'utf8')
    const installed = parseSchema(JSON.parse(file))
    expect(formatSchema(hardwareVtep)).toEqual(formatSchema(installed))
    expect(hardwareVtep).toEqual(installed)
  })
})
