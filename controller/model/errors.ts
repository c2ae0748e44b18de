/**
 * Every way in which the model refuses: a stable type, an HTTP status and the sentence, in one
 * table. `{value}` is what was given (`{json}`: with its quotes), `{by}` who holds it, `{note}` where
 * a value comes from that nobody gave; what would be right (`{expected}`) is added by whoever reports, since
 * only that place knows.
 */
import type { Collection } from './schema.ts'

export const problemTypes = {
  // One object against its schema
  wrong_type: [400, '{json} is of the wrong type'],
  malformed: [400, '{json} is malformed: it would be {expected}'],
  missing: [400, 'a required property is missing'],
  unknown_field: [400, '{value} is no property here'],
  read_only: [400, '{value} is given by the controller and cannot be written'],
  out_of_range: [400, '{value} is out of range'],
  id_invalid: [400, '{value} is not a valid id'],
  id_reserved: [400, '{value} belongs to Weft itself'],
  cidr_host_bits: [400, '{value} has bits set behind its prefix'],
  address_unusable: [400, '{value} cannot be the address of a workload or host'],
  ofport_without_host: [400, 'an ofport of {value} says nothing without the host that it is on'],
  interface_without_host: [400, 'interface {value} says nothing without the host that it is on'],
  vid_without_place: [400, 'VID {value} says nothing without the place whose frames have it'],
  place_ambiguous: [400, '{value} does not go with {by}: a port is in one place'],
  property_of_type: [400, '{value} does not belong to a network of type {by}'],
  same_family: [400, '{value} is of the same family as {by}'],
  extension_untagged: [400, 'tags of workloads would reach every VLAN of physical network {by}'],
  uplink_reserved: [400, 'uplink {value} belongs to Weft itself'],

  // One object against the site
  unknown_reference: [409, '{by} does not exist'],
  not_found: [404, '{value} does not exist'],
  fixed: [409, '{value} cannot replace {by}: this property is fixed for the life of the object'],
  in_use: [409, '{value} is still in use by {by}'],
  vni_taken: [409, 'VNI {value} is used by {by}'],
  quarantined: [409, '{value} is quarantined: {by} may still forward for the network that had it'],
  vni_exhausted: [409, 'no VNI is left to give: all {value} are taken, or quarantined'],
  physical_networks_exhausted: [409, 'there are as many physical networks as there can be'],
  vid_taken: [409, 'VID {value} of this physical network is used by {by}'],
  vid_exhausted: [409, 'no VID is left to give on physical network {by}'],
  vid_not_allowed: [409, 'VID {value} is not for networks on physical network {by}'],
  vid_in_use: [409, 'VID {value} is used by network {by}'],
  untagged_taken: [409, 'what is untagged on physical network {value} is {by}'],
  physical_network_taken: [409, 'physical network {value} is on {by} of this host'],
  uplink_taken: [409, 'uplink {value} is on {by} of this host'],
  uplinks_loop: [
    409,
    'uplink {value} beside {by} would be a loop: a bridge of kind linux makes no bond of them',
  ],
  uplink_is_bridge: [409, 'uplink {value} is {by} itself'],
  bridge_is_uplink: [409, '{value} is an uplink of {by}'],
  mac_taken: [409, '{value} is used by {by} of the same network'],
  mac_exhausted: [409, 'no MAC address is left to give in this network'],
  address_taken: [409, '{value} is used by {by} of the same network'],
  address_outside_subnet: [409, '{value} is in no subnet of the network'],
  address_reserved: [409, '{value} is the network or broadcast address of subnet {by}'],
  address_kept_back: [409, '{value} is reserved in subnet {by}'],
  subnet_full: [409, 'no address is left to give in network {value}: {by}'],
  range_invalid: [400, '{value} does not go from one address to a later one of its family'],
  range_outside_subnet: [400, '{value} is not in subnet {by}'],
  ranges_unused: [400, '{value} gives no address: allocation is {by}'],
  eui64_prefix: [400, 'no MAC makes an address in {value}'],
  addresses_left_out: [409, 'subnets of the network without {value} have not the address of {by}'],
  ipv6_mtu_too_small: [409, '{value} cannot be on a network of {by} bytes'],
  addresses_unusable: [409, '{value} cannot be: it makes the address of {by} unusable'],
  subnets_exhausted: [409, 'network {value} has {by} subnets, and can have no more'],
  subnet_overlap: [409, '{value} overlaps with subnet {by} of the same network'],
  system_id_taken: [409, '{value} is the system-id of {by}'],
  vtep_address_taken: [409, '{value} is the VTEP address of {by}'],
  fingerprint_taken: [409, '{value} is the certificate of {by}'],
  host_kind_mismatch: [409, '{value} does not fit: {by}'],
  ofport_taken: [409, 'ofport {value} of this host is used by {by}'],
  interface_taken: [409, '{value} is taken: this interface of the host and VID are {by}'],
  interface_held: [
    409,
    'interface {value} of this host is shared with {by}: only who has its untagged frames has VIDs of it',
  ],
  subport_vid_taken: [409, 'VID {value} of this trunk is used by {by}'],
  parent_is_subport: [409, 'port {value} is a sub-port of {by} itself'],
  trunk_transparent: [
    409,
    'port {value} cannot be a trunk: guests of {by} may send tags, which would be in the networks of its sub-ports',
  ],
  transparent_trunk: [
    409,
    'guests cannot be let send tags (vlanTransparent: {value}): they would be in the networks of the sub-ports of {by}',
  ],
  has_subports: [409, 'a port cannot have parent {value} and be a trunk: it has {by}'],
  mtu_exceeds_underlay: [409, 'packets of {value} bytes{note} cannot cross the underlay: {by}'],
  mtu_exceeds_physical: [409, 'packets of {value} bytes{note} cannot cross physical network {by}'],
  physical_mtu_too_small: [409, 'a physical network of {value} bytes{note} cannot carry {by}'],
  physical_mtu_too_large: [409, 'packets of {value} bytes{note} cannot cross {by}'],
  bridge_mtu_too_small: [409, 'a bridge of {value} bytes cannot carry physical network {by}'],
  tunnel_too_narrow: [409, 'tunnels to {value} cannot carry what there is: {by}'],
  underlay_mtu_too_small: [409, 'an underlay of {value} bytes{note} cannot carry network {by}'],

  quota_exceeded: [409, 'tenant {by} may have {value}'],
  outside_tenant: [403, '{value} is not of this tenant'],
  operator_field: [403, '{value} is for an operator to say'],
  secret_taken: [409, 'this secret is of another token'],

  // Documents
  document_empty: [400, 'the document is empty'],
  yaml_syntax: [400, 'this is not the YAML that a document is made of: {value}'],
  duplicate_edit: [400, '{value} is there twice'],
  workload_name_invalid: [400, '{value} does not name a guest'],
  lab_host_invalid: [400, '{value} is nothing that a lab can have there'],
  lab_event_invalid: [400, '{value} is nothing that can happen there'],
  lab_underlay_invalid: [400, '{value} is nothing that the underlay of a lab can have there'],
  workload_invalid: [400, '{value} is no port that this guest can have'],
} as const satisfies Record<string, readonly [status: number, sentence: string]>

export type ProblemType = keyof typeof problemTypes

/**
 * One thing that is wrong. `pointer` is a JSON pointer (RFC 6901) into the spec; '' is the object
 * as a whole.
 */
export interface Problem {
  readonly type: ProblemType
  readonly status: number
  /** A sentence with the value in it. */
  readonly detail: string
  readonly pointer: string
  readonly value: unknown
  /** What would be right. */
  readonly expected: string
  readonly collection?: Collection
  readonly key?: string
  /** Of `in_use`: the objects that still refer to it, 'port acme/vm1', at most 100. */
  readonly references?: readonly string[]
  /** The sentence that names the object of another tenant: for operators, never in a tenant's answer. */
  readonly named?: string
  /** Of `quarantined`: the key in quarantine. */
  readonly quarantine?: string
}

export interface ProblemFacts {
  readonly pointer: string
  readonly value: unknown
  readonly expected: string
  readonly by?: string
  /** ' (the default)'. */
  readonly note?: string
  readonly collection?: Collection
  readonly key?: string
  readonly references?: readonly string[]
  readonly quarantine?: string
  /** In place of `by` for operators. */
  readonly holder?: string
}

const tenantOf = (object: object): unknown => ('tenant' in object ? object.tenant : undefined)

/** Who is in the way: an object of the operator's or of the same tenant by its key, else that there is one. */
export function holderFacts(
  asking: object,
  holder: object | undefined,
  name: string,
): Pick<ProblemFacts, 'by' | 'holder'> {
  const tenant = tenantOf(asking)
  if (tenant === undefined || (holder && tenant === tenantOf(holder))) return { by: name }
  return { by: `a ${name.split(' ')[0]} of another tenant`, holder: name }
}

export function problem(
  type: ProblemType,
  { by = '', holder, note = '', ...facts }: ProblemFacts,
): Problem {
  const [status, sentence] = problemTypes[type]
  const said = (by: string) =>
    sentence.replace(/\{(?:value|json|by|note|expected)\}/g, (hole) => {
      if (hole === '{by}') return by
      if (hole === '{expected}') return facts.expected
      if (hole === '{note}') return note
      return hole === '{json}' ? shortened(json(facts.value)) : printed(facts.value)
    })
  const named = holder === undefined ? {} : { named: said(holder) }
  return Object.freeze({ type, status, detail: said(by), ...named, ...facts })
}

/**
 * The model refuses an edit, whole. `problems` has all that is wrong; the properties are those of
 * the first.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError'
  readonly problems: readonly [Problem, ...Problem[]]

  constructor(problems: readonly [Problem, ...Problem[]]) {
    super(firstOf(problems.map(describe)).join('; '))
    this.problems = problems
  }

  get type(): ProblemType {
    return this.problems[0].type
  }
  get status(): number {
    return this.problems[0].status
  }
  get pointer(): string {
    return this.problems[0].pointer
  }
  get value(): unknown {
    return this.problems[0].value
  }
  get expected(): string {
    return this.problems[0].expected
  }
}

/** How many problems a message spells out; who made one mistake a thousand times reads it once. */
const SPELLED_OUT = 20
/** How many are looked for: each costs a look at what may have been meant. */
export const MOST_PROBLEMS = 100

/** The first sentences, and how many more there are. */
export function firstOf(sentences: readonly string[]): readonly string[] {
  const more = sentences.length - SPELLED_OUT
  return more > 0 ? [...sentences.slice(0, SPELLED_OUT), `and ${more} more`] : sentences
}

/** @throws ModelError when there are problems. */
export function refuse(problems: readonly Problem[]): void {
  const [first, ...rest] = problems
  if (first) throw new ModelError([first, ...rest])
}

function describe({ collection, key, pointer, detail, expected }: Problem): string {
  const where = [collection, key, pointer].filter(Boolean).join(' ')
  return `${where ? `${where}: ` : ''}${withExpected({ detail, expected })}`
}

/** The sentence and what would be right, said once. */
export function withExpected({ detail, expected }: Pick<Problem, 'detail' | 'expected'>): string {
  return detail.endsWith(expected) ? detail : `${detail}; expected ${expected}`
}

/**
 * A value as it stands in a sentence: text as it is, the rest as JSON, never more than 80
 * characters.
 */
export function printed(value: unknown): string {
  return shortened(typeof value === 'string' ? value : json(value))
}

function json(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
