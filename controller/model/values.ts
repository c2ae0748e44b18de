/**
 * The values that objects are made of, as schemas: ids, addresses, VLAN ids. A description is also
 * what an error gives as "what would be right". Neighbour: schema.ts puts them together.
 */
import { type TSchema, type TUnsafe, Type } from 'typebox'

export const idPattern = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'
export const idRule = '1 to 63 lower-case letters, digits and inner hyphens'
export const Id = Type.String({ pattern: idPattern, description: idRule })
export const idOf = (description: string) => Type.String({ pattern: idPattern, description })
export const Uuid = Type.String({ pattern: '^[0-9a-f-]{36}$', description: 'a UUID in lower case' })

export const Mac = Type.String({
  pattern: '^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$',
  description: "a unicast MAC address such as '02:00:00:00:00:11'",
})
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
export const Ipv4 = Type.String({
  format: 'ipv4',
  pattern: `^${octet}(\\.${octet}){3}$`,
  description: 'an IPv4 address such as 10.0.0.11',
})
const ipv4Text = `${octet}(\\.${octet}){3}`
const group = '[0-9a-fA-F]{1,4}'
/** RFC 4291 §2.2, without the form that ends in an IPv4 address. */
const ipv6Text = `((${group}:){7}${group}|(${group}:){1,7}:|${[1, 2, 3, 4, 5, 6]
  .map((after) => `(${group}:){1,${7 - after}}(:${group}){1,${after}}`)
  .join('|')}|:((:${group}){1,7}|:))`
const ipv6 = (tail: string) => Type.String({ pattern: `^${ipv6Text}${tail}$` })

/** Of a workload; kept in the form of RFC 5952. */
export const GuestAddress = Type.Union([Ipv4, ipv6('')], {
  description: 'an IPv4 or IPv6 address such as 10.0.0.11 or 2001:db8::11',
})
export const Cidr = Type.Union(
  [
    Type.String({ pattern: `^${ipv4Text}/([89]|[12][0-9]|30)$` }),
    ipv6('/(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-6])'),
  ],
  {
    description:
      'an IPv4 range with a prefix of 8 to 30 bits such as 10.0.0.0/24, or an IPv6 one of 16 to 126 such as 2001:db8::/64',
  },
)
/** A list of addresses and ranges of them; both ends are of one family. */
export const addressRanges = (description: string) =>
  Type.Array(
    Type.Union(
      [Type.String({ pattern: `^${ipv4Text}(-${ipv4Text})?$` }), ipv6(`(-${ipv6Text})?`)],
      { description: 'an address, or a range such as 10.0.0.100-10.0.0.199' },
    ),
    { maxItems: 64, uniqueItems: true, description },
  )
/** An address of either family; kept in the form of RFC 5952. */
export const ipAddress = (description: string) =>
  Type.Union([Ipv4, Type.String({ format: 'ipv6', description: 'an IPv6 address' })], {
    description,
  })

/** One of some words. */
export const oneOf = <const Words extends readonly string[]>(
  words: Words,
  description: string,
): TUnsafe<Words[number]> =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: [...words], description })

/** 12 bits; 0 is a priority tag and 4095 reserved. IEEE 802.1Q §9.6. */
export const vidRange = { first: 1, last: 4094 } as const
export const vid = (description: string) =>
  Type.Integer({ minimum: vidRange.first, maximum: vidRange.last, description })
const vidText = '([1-9][0-9]{0,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-4])'
/** A list of VIDs and ranges of them. */
export const vids = (description: string) =>
  Type.Array(
    Type.Union([vid('a VID'), Type.String({ pattern: `^${vidText}-${vidText}$` })], {
      description: "a VID from 1 to 4094 or a range of them such as '100-199'",
    }),
    { minItems: 1, maxItems: 256, uniqueItems: true, description },
  )

export const interfaceName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$',
  description: 'an interface name, 1 to 15 characters',
})

/** 24 bits; 0 is Weft's own (path probes). RFC 7348 §5. */
export const vniRange = { first: 1, last: 0xffffff } as const
const vniText = '[1-9][0-9]{0,7}'
/** A list of VNIs and ranges of them; that they go upwards and are VNIs is a rule. */
export const vnis = (description: string) =>
  Type.Array(
    Type.Union(
      [
        Type.Integer({ minimum: vniRange.first, maximum: vniRange.last }),
        Type.String({ pattern: `^${vniText}-${vniText}$` }),
      ],
      { description: "a VNI from 1 to 16777215 or a range of them such as '20000-29999'" },
    ),
    { minItems: 1, maxItems: 256, uniqueItems: true, description },
  )
/**
 * A VNI that the client leaves out is taken from here where the site has no pools, so that numbers people like to type
 * stay theirs.
 */
export const vniPool = { first: 10_001, last: 0xffffff } as const

export const Revision = Type.Integer({
  minimum: 1,
  description: 'the revision of the last change to it',
})
export const Number32 = Type.Integer({
  minimum: 1,
  maximum: 0xffffffff,
  description: 'a number given by the store, never given twice',
})
/** Each physical network has a port number of its own on br-int, the same on every host; there are no more of them. */
export const lastPhysicalNumber = 250
export const PhysicalNumber = Type.Integer({
  minimum: 1,
  maximum: lastPhysicalNumber,
  description: 'a number given by the store: that no other physical network has',
})
/** Port numbers of br-int above this one are Weft's own: the tunnel is 65000 on every host. */
export const lastWorkloadOfport = 64_999
export const Ofport = Type.Integer({
  minimum: 1,
  maximum: lastWorkloadOfport,
  description: 'an OpenFlow port number of the host, 1 to 64999',
})

export const strict = { additionalProperties: false } as const

/** Every property optional: what a spec may leave out. */
export const optional = <T extends Record<string, TSchema>>(fields: T) =>
  Type.Partial(Type.Object(fields))

/** Name of a Physical_Port: of a Linux interface, or of a port of a switch ('Ethernet1/1'). */
export const physicalPortPattern = '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}$'
export const PhysicalPort = Type.String({
  pattern: physicalPortPattern,
  description: 'the name of an interface of the host, which is of kind vtep: 1 to 64 characters',
})

const labelName = '([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)'
/** What people sort objects by; Weft gives it no meaning. */
export const labelled = {
  labels: Type.Optional(
    Type.Record(
      Type.String({ pattern: `^([a-z0-9.-]{1,253}/)?${labelName}$` }),
      Type.String({
        pattern: `^${labelName}?$`,
        description: "a value of at most 63 letters, digits, '-', '_' and '.'",
      }),
      {
        additionalProperties: false,
        maxProperties: 32,
        description: 'at most 32 labels such as app: web or example.org/tier: db',
      },
    ),
  ),
} as const

/** Objects by their ids. */
export function byId(schema: TSchema): TSchema {
  return Type.Optional(
    Type.Record(Type.String({ pattern: idPattern }), schema, {
      additionalProperties: false,
      description: `ids (${idRule}), each with its object`,
    }),
  )
}
