/** The bugs of mutations.ts: where each stands, what is there now, what is put in its place. */
export interface Mutation {
  readonly file: string
  /** Stands in the file once. */
  readonly find: string
  readonly replace: string
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'matcher forgets the last word of a match': {
    file: 'dataplane/classifier/matcher.ts',
    find: '  for (let i = 0; i < match.length; i += 3) {\n    if ((key[match[i]!]! & match[i + 1]!) >>> 0 !== match[i + 2]) return false',
    replace:
      '  for (let i = 0; i < match.length - 3; i += 3) {\n    if ((key[match[i]!]! & match[i + 1]!) >>> 0 !== match[i + 2]) return false',
  },
  'matcher leaves masks out': {
    file: 'dataplane/classifier/matcher.ts',
    find: '(key[match[i]!]! & match[i + 1]!) >>> 0 !== match[i + 2]',
    replace: 'key[match[i]!]! >>> 0 !== match[i + 2]',
  },
  'linear matcher takes the lowest priority first': {
    file: 'dataplane/classifier/linear.ts',
    find: 'if (isBefore(flows[middle]!, flow)) low',
    replace: 'if (!isBefore(flows[middle]!, flow)) low',
  },
  'tuple space stops one tuple early': {
    file: 'dataplane/classifier/tuple-space.ts',
    find: 'i < tuples.length; i++',
    replace: 'i < tuples.length - 1; i++',
  },
  'tuple space ends a tie too soon': {
    file: 'dataplane/classifier/tuple-space.ts',
    find: 'tuple.highest < best.flow.priority',
    replace: 'tuple.highest < best.flow.priority + 20000',
  },
  'tuple space is not sorted': {
    file: 'dataplane/classifier/tuple-space.ts',
    find: 'tuples.sort((a, b) => b.highest - a.highest)',
    replace: 'tuples.length',
  },
  'tuple space hashes without masks': {
    file: 'dataplane/classifier/secret-hash.ts',
    find: 'key[slots[i]!]! & masks[i]!',
    replace: 'key[slots[i]!]!',
  },
  'second tag is not passed': {
    file: 'dataplane/packet/flow-key.ts',
    find: '  while ((type === ETH_TYPE.vlan',
    replace: '  if ((type === ETH_TYPE.vlan',
  },
  'later fragments have ports': {
    file: 'dataplane/packet/flow-key.ts',
    find: 'if (ipv4.get.fragmentOffset(bytes, o) !== 0) key',
    replace: 'if (ipv4.get.fragmentOffset(bytes, o) > 4000) key',
  },
  'IPv4 options are not passed': {
    file: 'dataplane/packet/flow-key.ts',
    find: 'o + size, o + total)',
    replace: 'o + ipv4.size, o + total)',
  },
  'authentication header counts 8-byte units': {
    file: 'dataplane/packet/ipv6-chain.ts',
    find: 'size = 8 + bytes[at + 1]! * 4',
    replace: 'size = 8 + bytes[at + 1]! * 8',
  },
  'UDP checksum of 0 is made one': {
    file: 'dataplane/packet/checksums.ts',
    find: 'if (sum !== 0) udp',
    replace: 'udp',
  },
  'addresses do not count in transport checksums': {
    file: 'dataplane/packet/checksums.ts',
    find: 'if (from >= IPV4_ADDRESSES) fixTransport',
    replace: 'if (from < 0) fixTransport',
  },
  'push_vlan forgets the EtherType that was asked for': {
    file: 'dataplane/packet/tags.ts',
    find: '  const o = packet.start + ethernet.size\n  ethernet.set.type(bytes, packet.start, ethertype)\n  vlan.set.pcp',
    replace:
      '  const o = packet.start + ethernet.size\n  ethernet.set.type(bytes, packet.start, 0x8100)\n  vlan.set.pcp',
  },
  'push_mpls always sets the bottom of stack': {
    file: 'dataplane/packet/tags.ts',
    find: 'mpls.set.bos(bytes, o, outer < 0 ? 1 : 0)',
    replace: 'mpls.set.bos(bytes, o, 1)',
  },
  'TTL 1 is decremented to 0': {
    file: 'dataplane/pipeline/actions-tag.ts',
    find: 'if (ttl <= 1) return expired(run, targets)',
    replace: 'if (ttl <= 0) return expired(run, targets)',
  },
  'clear_actions does nothing': {
    file: 'dataplane/pipeline/pipeline.ts',
    find: 'if (program.clear) run.set.length = 0',
    replace: 'if (program.clear && run.depth > 9) run.set.length = 0',
  },
  'write_metadata leaves its mask out': {
    file: 'dataplane/pipeline/pipeline.ts',
    find: '& ~mask[i]!) | value[i]!',
    replace: '& 0) | value[i]!',
  },
  'action set runs in the order it was written': {
    file: 'dataplane/pipeline/actions.ts',
    find: 'for (; at > 0 && set[at - 1]!.rank > action.rank; at--)',
    replace: 'for (; at > i && set[at - 1]!.rank > action.rank; at--)',
  },
  'fast failover takes the second live bucket': {
    file: 'dataplane/pipeline/groups.ts',
    find: 'if (group.group_type === groupType.ff) return bucket',
    replace: 'if (group.group_type === groupType.ff && total++ > 0) return bucket',
  },
  "a bucket's changes stay": {
    file: 'dataplane/pipeline/pipeline.ts',
    find: '      run.queue = queue\n      restore(run, saved, stackSize)\n    },\n    branch',
    replace: '      run.queue = queue\n    },\n    branch',
  },
  'a port that is down is live': {
    file: 'dataplane/pipeline/groups.ts',
    find: 'if (watch_port !== ANY && isUp(watch_port)) return true',
    replace: 'if (watch_port !== ANY) return true',
  },
}
