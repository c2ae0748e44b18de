/**
 * Text of Open vSwitch's further actions, one row each. Source: ovs-actions(7). Neighbours:
 * text-row.ts, text-action.ts; text-output.ts, text-set.ts, text-learn.ts and text-ct.ts have the others.
 */
import { formatOperand, parseShortOperand } from './text-field.ts'
import {
  type ActionOf,
  type ActionText,
  bare,
  commas,
  given,
  type Kind,
  readKeys,
  row,
  wordOf,
} from './text-row.ts'
import {
  cut,
  fail,
  formatHex,
  type Item,
  parseHex,
  parseUint,
  parseWord,
  type Span,
  textOf,
} from './text-span.ts'
import { formatShortPort, parseShortPort } from './text-value.ts'

/** What multipath and bundle hash, NX_HASH_FIELDS_*. */
const hashes = {
  eth_src: 0,
  symmetric_l4: 1,
  symmetric_l3l4: 2,
  'symmetric_l3l4+udp': 3,
  nw_src: 4,
  nw_dst: 5,
  symmetric_l3: 6,
}
const multipaths = { modulo_n: 0, hash_threshold: 1, hrw: 2, iter_hash: 3 }
const bundles = { active_backup: 0, hrw: 1 }
const NONE = 0xffff

/** The parts between the commas of `name(a,b,…)`: exactly those named. */
function parts(item: Item, names: string): Span[] {
  const found = commas(given(item))
  if (found.length !== names.split(',').length) fail(item.value, names)
  return found
}

type Members = Pick<ActionOf<'bundle'>, 'fields' | 'basis' | 'algorithm' | 'members'>
function formatBundle(
  { fields, basis, algorithm, members }: Members,
  dst = '',
): string | undefined {
  const [hash, how] = [wordOf(hashes, fields), wordOf(bundles, algorithm)]
  if (!hash || !how) return undefined
  return `${hash},${basis},${how},ofport,${dst}members:${members.map(formatShortPort).join(',')}`
}
function parseBundle(item: Item, withDst: boolean): Members & { dst?: Span } {
  const form = `FIELDS,BASIS,ALGORITHM,ofport,${withDst ? 'FIELD,' : ''}members:PORT,…`
  const [fields, basis, algorithm, type, ...others] = commas(given(item))
  const dst = withDst ? others.shift() : undefined
  const [first, ...rest] = others
  const head = first && cut(first, ':')
  if (!fields || !basis || !algorithm || !type || !head || (withDst && !dst)) fail(item.value, form)
  if (textOf(type) !== 'ofport' || !/^(members|slaves)$/.test(textOf(head[0]))) {
    fail(item.value, form)
  }
  const members = [head[1], ...rest].filter(({ from, to }) => to > from)
  return {
    fields: parseWord(fields, hashes),
    basis: parseUint(basis, 16),
    algorithm: parseWord(algorithm, bundles),
    members: members.map(parseShortPort),
    ...(dst && { dst }),
  }
}

type Sample = ActionOf<'sample'> | ActionOf<'sample2'> | ActionOf<'sample3'>
const directions = { ingress: 1, egress: 2 }
function formatSample(action: Sample): string | undefined {
  const { probability, collector_set_id, obs_domain_id, obs_point_id } = action
  const words = [
    `probability=${probability}`,
    `collector_set_id=${collector_set_id}`,
    `obs_domain_id=${obs_domain_id}`,
    `obs_point_id=${obs_point_id}`,
  ]
  if (action.kind !== 'sample') {
    const { sampling_port, direction } = action
    if (sampling_port !== NONE) words.push(`sampling_port=${formatShortPort(sampling_port)}`)
    if (direction !== 0) words.push(wordOf(directions, direction) ?? String(direction))
  }
  return `sample(${words.join(',')})`
}
function parseSample(item: Item): Sample {
  const numbers = { probability: 0, collector_set_id: 0, obs_domain_id: 0, obs_point_id: 0 }
  const more = { sampling_port: NONE, direction: 0 }
  readKeys(given(item), {
    probability: (value) => (numbers.probability = parseUint(value, 16)),
    collector_set_id: (value) => (numbers.collector_set_id = parseUint(value, 32)),
    obs_domain_id: (value) => (numbers.obs_domain_id = parseUint(value, 32)),
    obs_point_id: (value) => (numbers.obs_point_id = parseUint(value, 32)),
    sampling_port: (value) => (more.sampling_port = parseShortPort(value)),
    ingress: () => (more.direction = directions.ingress),
    egress: () => (more.direction = directions.egress),
  })
  if (numbers.probability === 0) fail(item.value, 'a probability from 1 to 65535')
  if (more.direction) return { kind: 'sample3', ...numbers, ...more }
  if (more.sampling_port !== NONE) return { kind: 'sample2', ...numbers, ...more }
  return { kind: 'sample', ...numbers }
}
const sampleAs = <K extends Sample['kind']>(kind: K): ActionText<K> =>
  row<K>(
    'sample',
    (action) => formatSample(action as Sample),
    (item) => {
      const action = parseSample(item)
      return action.kind === kind ? (action as ActionOf<K>) : undefined
    },
  )

export const niciraTexts: { readonly [K in Kind]?: ActionText<K> } = {
  conjunction: row<'conjunction'>(
    'conjunction',
    ({ id, clause, n_clauses }) => `conjunction(${id},${clause + 1}/${n_clauses})`,
    (item) => {
      const [id, share] = parts(item, 'ID,K/N') as [Span, Span]
      const kn = cut(share, '/') ?? fail(share, 'K/N')
      const [k, n_clauses] = [parseUint(kn[0], 8), parseUint(kn[1], 8)]
      if (k < 1 || k > n_clauses || n_clauses > 64)
        fail(share, 'K/N with 1 to N clauses of 2 to 64')
      return { kind: 'conjunction', clause: k - 1, n_clauses, id: parseUint(id, 32) }
    },
  ),
  note: row<'note'>(
    'note',
    ({ note }) => `note:${formatHex(note, '.')}`,
    (item) => {
      const bytes = parseHex(given(item))
      // The wire has 6 bytes, or 8 more, or 8 more; what is free is 0.
      const note = new Uint8Array(6 + 8 * Math.max(0, Math.ceil((bytes.length - 6) / 8)))
      note.set(bytes)
      return { kind: 'note', note }
    },
  ),
  exit: bare('exit', 'exit'),
  ct_clear: bare('ct_clear', 'ct_clear'),
  fin_timeout: row<'fin_timeout'>(
    'fin_timeout',
    ({ fin_idle_timeout, fin_hard_timeout }) =>
      `fin_timeout(idle_timeout=${fin_idle_timeout},hard_timeout=${fin_hard_timeout})`,
    (item) => {
      const out = { fin_idle_timeout: 0, fin_hard_timeout: 0 }
      readKeys(given(item), {
        idle_timeout: (value) => (out.fin_idle_timeout = parseUint(value, 16)),
        hard_timeout: (value) => (out.fin_hard_timeout = parseUint(value, 16)),
      })
      return { kind: 'fin_timeout', ...out }
    },
  ),
  multipath: row<'multipath'>(
    'multipath',
    ({ fields, basis, algorithm, max_link, arg, dst }) => {
      const [hash, how] = [wordOf(hashes, fields), wordOf(multipaths, algorithm)]
      if (!hash || !how) return undefined
      return `multipath(${hash},${basis},${how},${max_link + 1},${arg},${formatOperand(dst)})`
    },
    (item) => {
      const [fields, basis, algorithm, links, arg, dst] = parts(
        item,
        'FIELDS,BASIS,ALGORITHM,LINKS,ARGUMENT,FIELD',
      ) as [Span, Span, Span, Span, Span, Span]
      const n_links = parseUint(links, 17)
      if (n_links < 1 || n_links > 65_536) fail(links, 'a number of links from 1 to 65536')
      return {
        kind: 'multipath',
        fields: parseWord(fields, hashes),
        basis: parseUint(basis, 16),
        algorithm: parseWord(algorithm, multipaths),
        max_link: n_links - 1,
        arg: parseUint(arg, 32),
        dst: parseShortOperand(dst),
      }
    },
  ),
  bundle: row<'bundle'>(
    'bundle',
    (action) => {
      const text = formatBundle(action)
      return text && `bundle(${text})`
    },
    (item) => ({ kind: 'bundle', ...parseBundle(item, false) }),
  ),
  bundle_load: row<'bundle_load'>(
    'bundle_load',
    (action) => {
      const text = formatBundle(action, `${formatOperand(action.dst)},`)
      return text && `bundle_load(${text})`
    },
    (item) => {
      const { dst, ...members } = parseBundle(item, true)
      return { kind: 'bundle_load', ...members, dst: parseShortOperand(dst as Span) }
    },
  ),
  sample: sampleAs('sample'),
  sample2: sampleAs('sample2'),
  sample3: sampleAs('sample3'),
}
