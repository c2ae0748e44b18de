/** What monitors are told, and when, to ovsdb-server and to ours: conversation.ts says what is equal. */
import { alike, insert, map, mutateRoot, named, op, root, set, transact } from './conversation.ts'

const OVS = 'Open_vSwitch'

alike('monitors', {
  'a weak reference goes with its row': [
    root,
    transact(
      insert('Interface', { name: 'p' }, 'i'),
      insert('Port', { name: 'p', interfaces: named('i') }, 'p'),
      insert('Mirror', { name: 'm', select_src_port: named('p'), output_port: named('p') }, 'm'),
      insert('Mirror', { name: 'n', select_src_port: named('nowhere') }, 'n'),
      insert('Bridge', { name: 'b', ports: named('p'), mirrors: set(named('m'), named('n')) }, 'b'),
      mutateRoot(['bridges', 'insert', named('b')]),
    ),
    ['monitor', [OVS, 'm', { Mirror: { columns: ['select_src_port', 'output_port'] } }]],
    transact(op('update', 'Bridge', { where: [], row: { ports: set() } })),
    transact(
      op('select', 'Mirror', {
        where: [['name', '==', 'n']],
        columns: ['select_src_port', 'output_port'],
      }),
    ),
  ],
  'monitor: changes first, then the reply': [
    ['monitor', [OVS, ['m'], { [OVS]: { columns: ['next_cfg', 'bridges'] } }]],
    root,
    ['monitor', [OVS, ['m'], {}]],
    transact(mutateRoot(['next_cfg', '+=', 1])),
    transact(mutateRoot(['next_cfg', '+=', 1], ['next_cfg', '-=', 1])),
    transact(mutateRoot(['cur_cfg', '+=', 1])),
    ['monitor', [OVS, 'e', { [OVS]: [{ columns: ['cur_cfg'], select: { initial: false } }] }]],
    ['monitor', [OVS, 'f', { [OVS]: [{ columns: ['cur_cfg'], select: { initial: false } }] }]],
    transact(mutateRoot(['cur_cfg', '+=', 1])),
    ['monitor_cancel', ['e']],
    transact(op('delete', OVS, { where: [] })),
  ],
  'monitor_cond: differences, conditions, their change': [
    root,
    [
      'monitor_cond',
      [
        OVS,
        'c',
        {
          [OVS]: [{ columns: ['next_cfg', 'external_ids', 'ovs_version', 'iface_types'] }],
          QoS: [{ columns: ['type'], where: [['type', '==', 'x']] }],
        },
      ],
    ],
    transact(insert('QoS', { type: 'x' })),
    transact(insert('QoS', { type: 'y' })),
    transact(
      op('update', OVS, {
        where: [],
        row: { external_ids: map(['a', 'b']), ovs_version: '1', iface_types: set('a', 'b') },
      }),
    ),
    transact(
      op('update', OVS, {
        where: [],
        row: {
          external_ids: map(['a', 'c'], ['d', 'e']),
          ovs_version: set(),
          iface_types: set('b', 'c'),
        },
      }),
    ),
    transact(op('update', 'QoS', { where: [['type', '==', 'x']], row: { type: 'z' } })),
    ['monitor_cond_change', ['c', 'c2', { QoS: [{ where: [['type', '==', 'y']] }] }]],
    transact(op('delete', 'QoS', { where: [['type', '==', 'y']] })),
    [
      'monitor_cond',
      [
        OVS,
        'd',
        { QoS: { columns: ['type'], where: [] }, Queue: { columns: ['dscp'], where: [false] } },
      ],
    ],
    transact(op('delete', 'QoS', { where: [] })),
  ],
  'a column that two requests for a table mention': [
    root,
    ['monitor', [OVS, 'a', { [OVS]: [{ columns: ['next_cfg'] }, { columns: ['next_cfg'] }] }]],
    ['monitor_cond', [OVS, 'b', { [OVS]: [{}, { columns: ['next_cfg'] }] }]],
    [
      'monitor',
      [
        OVS,
        'c',
        {
          [OVS]: [{ columns: ['next_cfg'], select: { initial: false } }, { columns: ['cur_cfg'] }],
        },
      ],
    ],
    transact(mutateRoot(['next_cfg', '+=', 1])),
    transact(mutateRoot(['cur_cfg', '+=', 1], ['next_cfg', '+=', 1])),
  ],
})
