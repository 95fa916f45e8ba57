'use strict';
// Follows /status/stream and shows it. All text is set as text, never as markup: keys and messages
// come from outside.
(() => {
  const kRowsMax = 500;
  const kKeptMax = 20000;
  const kRecentMs = 10 * 60 * 1000;
  const kSlowStartMs = 60 * 1000;
  const kFine = new Set(['IDLE', 'IDLE_UNCONFIRMED', 'REQUESTED', 'MAX_LIFETIME', 'EXITED', 'REPLACED']);
  const kConnecting = 'Connecting…';
  const kTones = ['bad', 'warn', 'well', 'note'];  // worst first
  const kEnded = new Set(['TERMINATING', 'TERMINATED']);
  const $ = id => document.getElementById(id);

  const sessions = new Map();  // "name epoch" -> session
  let view = null;             // of the last status event
  let points = [];             // [s, connections, live sessions, requests]
  let samples = [];            // [ms, requests by label], for the last minute
  let watchProblem = null;
  let linkProblem = kConnecting;
  let skew = 0;                // the controller's clock less ours, ms
  let token = '';

  // --- helpers ------------------------------------------------------------------------------------
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const now = () => Date.now() + skew;
  const since = time => now() - Date.parse(time);
  const number = value => Number(value || 0);
  const count = (n, one, many) => n.toLocaleString('en') + ' ' + (n === 1 ? one : many || one + 's');
  const span = ms => {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 60) return s + ' s';
    if (s < 3600) return Math.floor(s / 60) + ' min' + (s < 600 && s % 60 ? ' ' + s % 60 + ' s' : '');
    if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
    return Math.floor(s / 86400) + ' d ' + Math.floor(s % 86400 / 3600) + ' h';
  };
  const seconds = duration => parseFloat(duration || '0');  // "12.5s"
  const words = reason => reason.toLowerCase().replaceAll('_', ' ');

  // --- what a session is ----------------------------------------------------------------------------
  const isEnded = s => kEnded.has(s.state);
  const isFailed = s => isEnded(s) && Boolean(s.reason) && !kFine.has(s.reason);
  const isLost = s => (s.conditions || []).some(c => c.type === 'Lost' && c.status);
  const isSlow = s => (s.state === 'STARTING' || s.state === 'PENDING') && since(s.createTime) > kSlowStartMs;
  const isRecent = s => since(s.endTime || s.createTime) < kRecentMs;
  const rank = s => {
    if (isFailed(s)) return isRecent(s) ? 0 : 5;
    if (isLost(s)) return 1;
    if (isSlow(s)) return 2;
    if (s.state === 'PENDING' || s.state === 'STARTING') return 3;
    return isEnded(s) ? 6 : 4;
  };
  const toneOf = s => {
    if (isFailed(s)) return 'bad';
    if (isLost(s) || isSlow(s)) return 'warn';
    if (s.state === 'READY' || s.state === 'DRAINING') return 'good';
    return isEnded(s) ? 'ended' : 'busy';
  };
  const idOf = s => s.name.slice(s.name.lastIndexOf('/') + 1);
  const nsOf = s => s.name.split('/')[1];
  const stateText = s => {
    const text = isFailed(s) ? 'Failed' : s.state.charAt(0) + s.state.slice(1).toLowerCase();
    const detail = s.phase || s.reason;
    return detail ? text + ', ' + words(detail) : text;
  };
  const whyText = s => {
    const lost = (s.conditions || []).find(c => c.type === 'Lost' && c.status);
    if (lost) return lost.message;
    if (s.message) return s.message;
    if (s.exitCode !== undefined) return 'exit code ' + s.exitCode;
    return isSlow(s) ? 'has been starting for ' + span(since(s.createTime)) : '';
  };
  const endsText = s => {
    if (isEnded(s)) return s.endTime ? span(since(s.endTime)) + ' ago' : 'now';
    const next = [s.idleDeadline && ['idle in ', Date.parse(s.idleDeadline)],
                  s.lifetimeDeadline && ['limit in ', Date.parse(s.lifetimeDeadline)]]
        .filter(Boolean).sort((a, b) => a[1] - b[1])[0];
    return next ? next[0] + span(next[1] - now()) : '';
  };

  // --- tables ---------------------------------------------------------------------------------------
  // Rows are [key, [cell...]], a cell {text, tone, title, second, number}: kept as long as their key.
  const fill = (table, rows) => {
    const labels = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
    const body = table.tBodies[0];
    const old = new Map([...body.rows].map(row => [row.dataset.key, row]));
    let place = body.firstElementChild;
    for (const [key, cells] of rows) {
      let row = old.get(key);
      old.delete(key);
      if (!row) {
        row = make('tr');
        row.dataset.key = key;
        row.setAttribute('role', 'row');
        for (const i of cells.keys()) {
          const cell = make('td');
          cell.setAttribute('role', 'cell');
          if (i > 0) cell.dataset.label = labels[i];
          cell.append(make('span'), make('span', 'id'));
          row.append(cell);
        }
      }
      cells.forEach((cell, i) => {
        const td = row.cells[i];
        const [first, second] = td.children;
        td.className = (cell.number ? 'number ' : '') + (cell.text || cell.second ? '' : 'empty');
        first.className = cell.className || '';
        setText(first, cell.text || '');
        setText(second, cell.second || '');
        if (first.title !== (cell.title || '')) first.title = cell.title || '';
      });
      if (row === place) place = place.nextElementSibling;
      else body.insertBefore(row, place);
    }
    for (const row of old.values()) row.remove();
  };

  const wanted = () => {
    const text = $('search').value.trim().toLowerCase();
    const which = $('state').value;
    return s => {
      if (which === 'trouble' && !(isFailed(s) || isLost(s) || isSlow(s))) return false;
      if (which === 'live' && isEnded(s)) return false;
      if (which === 'used' && !number(s.connections)) return false;
      if (which === 'ended' && !isEnded(s)) return false;
      if (!text) return true;
      const key = s.key || {};
      return [s.name, key.name, key.tag, s.state, s.phase, s.reason, s.message, s.node, s.pod]
          .some(value => value && value.toLowerCase().includes(text));
    };
  };

  const showSessions = () => {
    const found = [...sessions.values()].filter(wanted());
    found.sort((a, b) => rank(a) - rank(b) || number(b.connections) - number(a.connections) ||
        Date.parse(b.createTime) - Date.parse(a.createTime));
    const many = view && (view.status.namespaces || []).length !== 1 ||
        new Set([...sessions.values()].slice(0, 1000).map(nsOf)).size > 1;
    fill($('sessions'), found.slice(0, kRowsMax).map(s => {
      const key = s.key && s.key.name;
      const why = whyText(s);
      const id = (many ? nsOf(s) + '/' : '') + idOf(s);
      return [s.name + ' ' + s.epoch, [
        {text: key || id, className: key ? 'key' : 'id', second: key ? id : ''},
        {text: stateText(s), className: 'state ' + toneOf(s)},
        {text: why, className: 'clamp', title: why.length > 90 ? why : ''},
        {text: isEnded(s) ? '' : number(s.connections).toLocaleString('en'), number: true},
        {text: s.node || ''},
        {text: span(since(s.createTime)), number: true},
        {text: endsText(s), className: 'nowrap'},
      ]];
    }));
    const total = sessions.size;
    setText($('sessions-count'), found.length > kRowsMax ? 'the first ' + kRowsMax + ' of ' + count(found.length, 'session') :
        found.length === total ? count(total, 'session') : found.length + ' of ' + count(total, 'session'));
    $('sessions').hidden = found.length === 0;
    $('sessions-none').hidden = found.length !== 0;
    setText($('sessions-none'), total ? 'No session matches.' : watchProblem || !view ? '' :
        'No sessions. One starts with spawnctl connect, or with Connect of the API.');
  };

  const showProxies = () => {
    const proxies = (view.status.proxies || []).slice().sort((a, b) => Boolean(a.connected) - Boolean(b.connected));
    fill($('proxies'), proxies.slice(0, kRowsMax).map(p => [p.id, [
      {text: p.pod || p.id, className: 'key', second: p.pod ? p.id : ''},
      p.connected ? {text: 'Connected', className: 'state good'} :
          {text: 'Lost for ' + span(seconds(p.lostFor) * 1000), className: 'state bad'},
      {text: p.version || '', className: p.version === view.status.version ? '' : 'warn'},
      {text: number(p.connections).toLocaleString('en'), number: true},
    ]]));
    $('proxies').hidden = proxies.length === 0;
    $('proxies-none').hidden = proxies.length !== 0;
  };

  const showRequests = () => {
    const requests = view.status.kubernetesRequests || {};
    const then = samples.length ? samples[0][1] : requests;
    const rows = Object.keys(requests).map(label => {
      const at = label.lastIndexOf(' ');
      return {label, name: label.slice(0, at), code: label.slice(at + 1), total: number(requests[label]),
              recent: number(requests[label]) - number(then[label])};
    });
    // Refused creates and no answers come before what is usual.
    const isBad = row => !(number(row.code) >= 200 && number(row.code) < 400);
    rows.sort((a, b) => (isBad(b) && b.recent > 0) - (isBad(a) && a.recent > 0) || b.total - a.total);
    fill($('requests'), rows.slice(0, 60).map(row => [row.label, [
      {text: row.name},
      {text: row.code, className: isBad(row) ? row.recent > 0 ? 'bad' : 'warn' : ''},
      {text: row.total.toLocaleString('en'), number: true},
      {text: row.recent.toLocaleString('en'), number: true},
    ]]));
    setText($('kubernetes'), view.status.kubernetes || '');
  };

  // --- the chart --------------------------------------------------------------------------------------
  const svg = (tag, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const showChart = () => {
    const known = points.filter(point => point[1] >= 0);
    const chart = $('chart');
    chart.setAttribute('viewBox', '0 0 1000 100');
    if (!known.length) {
      chart.replaceChildren();
      return setText($('chart-now'), view && !view.status.isLeader ?
          'The leader keeps them over time; this controller is a standby.' : 'The first figure comes within 10 seconds.');
    }
    const most = Math.max(...known.map(point => point[1]));
    const top = Math.max(4, Math.ceil(most * 1.1));
    const end = known[known.length - 1][0];
    const begin = Math.min(known[0][0], end - 300);
    const x = point => (point[0] - begin) / (end - begin) * 1000;
    const y = point => 100 - point[1] / top * 100;
    let line = '';
    known.forEach((point, i) => {
      if (known.length === 1) line = 'M' + x(point) + ' ' + y(point) + 'h0';  // a dot
      const gap = i > 0 && point[0] - known[i - 1][0] > 30;
      if (known.length > 1) line += (i === 0 || gap ? 'M' : 'L') + x(point).toFixed(1) + ' ' + y(point).toFixed(1);
    });
    const area = line.includes('M', 1) || known.length === 1 ? '' :
        line + 'L' + x(known[known.length - 1]).toFixed(1) + ' 100L' + x(known[0]).toFixed(1) + ' 100Z';
    chart.replaceChildren(
        ...[0, 50, 100].map(at => svg('line', {x1: 0, x2: 1000, y1: at, y2: at, class: 'grid'})),
        svg('path', {d: area, class: 'area'}), svg('path', {d: line, class: 'line'}));
    setText($('chart-now'), known[known.length - 1][1].toLocaleString('en') + ' now, at most ' + most.toLocaleString('en') +
        ' in the last ' + span((end - known[0][0]) * 1000 || 10000));
    setText($('chart-from'), span((end - begin) * 1000) + ' ago');
    setText($('chart-most'), top.toLocaleString('en'));
  };

  // --- what is wrong, worst first -------------------------------------------------------------------------
  const problems = () => {
    const list = [];
    const add = (tone, title, text) => list.push({tone, title, text});
    if (linkProblem && view) add('bad', 'This page is not up to date', linkProblem + ' What is below was true ' + span(since(view.now)) + ' ago.');
    else if (linkProblem && linkProblem !== kConnecting) add('bad', 'The controller can not say how things are', linkProblem);
    if (!view) return list;
    const status = view.status;
    if (view.problem) add('bad', 'The controller can not say how things are', view.problem);
    if (!status.kubernetesReachable) {
      add('bad', 'Kubernetes can not be reached' + (view.kubernetesUnreachableSince ? ' since ' + span(since(view.kubernetesUnreachableSince)) : ''),
          'Sessions that run go on; none can start or end. ' + (status.kubernetesError || ''));
    }
    // Its own name in a Lease that it could not renew leads nobody.
    if (!status.isLeader && (!status.leaderId || status.leaderId === status.controllerId)) {
      add('bad', 'No controller leads' + (view.noLeaderSince ? ' since ' + span(since(view.noLeaderSince)) : ''),
          'Sessions that run go on; none can start or end. ' + (view.leaseProblem || 'Can this controller read and write its Lease?'));
    }
    const proxies = status.proxies || [];
    const lost = proxies.filter(p => !p.connected);
    if (lost.length) {
      add('bad', count(lost.length, 'proxy', 'proxies') + ' lost', 'Their sessions are kept as if in use until they are back or known to be gone: ' +
          lost.slice(0, 5).map(p => (p.pod || p.id) + ' for ' + span(seconds(p.lostFor) * 1000)).join(', ') + (lost.length > 5 ? ', …' : ''));
    }
    if (!proxies.length && status.leaderId) add('warn', 'No proxy is connected', 'Sessions can start, but nobody can reach them.');
    const failed = [...sessions.values()].filter(s => isFailed(s) && isRecent(s));
    if (failed.length) {
      const reasons = new Map();
      for (const s of failed) reasons.set(s.reason, (reasons.get(s.reason) || 0) + 1);
      add('bad', count(failed.length, 'session') + ' failed in the last 10 minutes',
          [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, n]) => n + ' × ' + words(reason)).join(', '));
    }
    const adrift = [...sessions.values()].filter(s => !isEnded(s) && isLost(s));
    if (adrift.length) {
      const nodes = [...new Set(adrift.map(s => s.node).filter(Boolean))];
      add('warn', count(adrift.length, 'session') + ' on nodes that do not answer', nodes.slice(0, 5).join(', '));
    }
    const slow = [...sessions.values()].filter(isSlow);
    if (slow.length) {
      const phases = new Map();
      for (const s of slow) phases.set(s.phase || s.state, (phases.get(s.phase || s.state) || 0) + 1);
      add('warn', count(slow.length, 'session') + ' starting for more than a minute',
          [...phases].sort((a, b) => b[1] - a[1]).map(([phase, n]) => n + ' × ' + words(phase)).join(', '));
    }
    const others = [...new Set(proxies.map(p => p.version).filter(v => v && v !== status.version))];
    if (others.length) add('warn', 'Proxies of another version', 'This controller is ' + status.version + ', there are proxies of ' + others.slice(0, 5).join(', '));
    if (watchProblem && !linkProblem) add('warn', 'Sessions are not shown in full', watchProblem);
    if (!list.length) {
      add('well', 'All is well.', count(number((status.sessionsByState || {}).READY), 'session') + ' ready, ' +
          count(proxies.length, 'proxy', 'proxies') + ' connected, Kubernetes answers.');
    }
    if (!status.isLeader && status.leaderId) {
      add('note', 'This controller is a standby', 'Sessions and proxies are as the leader knows them, ' + status.leaderId +
          (status.leaderAddress ? ' at ' + status.leaderAddress : '') + '; Kubernetes requests are this controller\'s own.');
    }
    return list.sort((a, b) => kTones.indexOf(a.tone) - kTones.indexOf(b.tone));
  };
  let shownProblems = '';
  const showProblems = () => {
    const list = problems();
    // Seconds that pass are no news to who listens.
    const text = JSON.stringify(list.map(p => [p.tone, p.title.replace(/ since .*/, ''), p.text.replace(/ for [^,.]*| true .*/g, '')]));
    const box = $('problems');
    if (text !== shownProblems) {
      shownProblems = text;
      box.replaceChildren(...list.map(p => {
        const element = make('div', 'problem ' + p.tone);
        element.append(make('strong', '', p.title), make('span', '', p.text));
        return element;
      }));
    } else {
      list.forEach((p, i) => {
        setText(box.children[i].children[0], p.title);
        setText(box.children[i].children[1], p.text);
      });
    }
    const bad = list.filter(p => p.tone === 'bad').length;
    const title = (bad ? '(' + bad + ') ' : '') + 'Spawner';
    if (document.title !== title) document.title = title;
  };

  const showTiles = () => {
    const states = view.status.sessionsByState || {};
    const failed = [...sessions.values()].filter(s => isFailed(s) && isRecent(s)).length;
    const proxies = view.status.proxies || [];
    const lost = proxies.filter(p => !p.connected).length;
    const open = proxies.reduce((sum, p) => sum + number(p.connections), 0);
    const tiles = [
      [number(states.READY) + number(states.DRAINING), 'ready', ''],
      [number(states.PENDING) + number(states.STARTING), 'starting', ''],
      [number(states.TERMINATING), 'ending', ''],
      [failed, 'failed in 10 min', failed ? 'bad' : ''],
      [open, 'connections', ''],
      [proxies.length - lost, (proxies.length - lost === 1 ? 'proxy' : 'proxies') + (lost ? ', ' + lost + ' lost' : ''),
       lost ? 'bad' : proxies.length ? '' : 'warn'],
    ];
    const box = $('tiles');
    tiles.forEach(([value, label, tone], i) => {
      if (!box.children[i]) {
        const item = make('li');
        item.append(make('b'), make('span'));
        box.append(item);
      }
      const item = box.children[i];
      item.className = tone;
      setText(item.children[0], value.toLocaleString('en'));
      setText(item.children[1], label);
    });
  };

  const show = () => {
    showProblems();
    const live = $('live');
    live.className = 'live ' + (linkProblem ? view ? 'lost' : 'wait' : '');
    setText(live, linkProblem ? view ? 'Not up to date' : kConnecting : 'Live');
    document.body.classList.toggle('empty', !view);
    if (!view) return;
    const status = view.status;
    setText($('about'), [status.isLeader ? 'Leader' : 'Standby', status.controllerId, 'version ' + status.version,
                         'up ' + span(since(status.startTime)),
                         (status.namespaces || []).map(ns => ns || 'all namespaces').slice(0, 8).join(', ')].filter(Boolean).join(' · '));
    showTiles();
    showChart();
    showProxies();
    showRequests();
    showSessions();
  };
  let isDue = false;
  const showSoon = () => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => { isDue = false; show(); }, 150);
  };

  // --- the stream ---------------------------------------------------------------------------------------
  const take = {
    status(data) {
      view = data;
      skew = Date.parse(data.now) - Date.now();
      for (const point of data.history || []) points.push(point);
      points = points.slice(-360);
      samples.push([Date.now(), data.status.kubernetesRequests || {}]);
      while (samples.length > 1 && Date.now() - samples[0][0] > 60000) samples.shift();
    },
    sessions(data) {
      if (data.reset) { sessions.clear(); watchProblem = null; }
      for (const s of data.gone || []) sessions.delete(s);
      for (const s of data.set || []) if (sessions.size < kKeptMax || sessions.has(s.name + ' ' + s.epoch)) sessions.set(s.name + ' ' + s.epoch, s);
    },
    problem(data) {
      watchProblem = data.error.message + (data.error.code === 'RESOURCE_EXHAUSTED' ?
          ' To follow some of them, add ?filter=key:PREFIX or ?filter=state=STARTING to this page\'s address.' : '');
    },
  };

  const takeBlock = block => {
    let event = 'message', data = '';
    for (const line of block.split('\n')) {
      if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) data += line.slice(6);
    }
    if (data && take[event]) { take[event](JSON.parse(data)); showSoon(); }
  };

  const follow = async () => {
    const abort = new AbortController();
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), 20000);
    };
    try {
      alive();
      const answer = await fetch('/status/stream' + location.search,
          {signal: abort.signal, headers: token ? {Authorization: 'Bearer ' + token} : {}});
      if (answer.status === 401 || answer.status === 403) $('token-form').hidden = false;
      if (answer.status === 401 && !token) {  // nothing is wrong yet
        linkProblem = kConnecting;
        clearTimeout(watchdog);
        return abort.abort();
      }
      if (!answer.ok) {
        const text = await answer.text();
        let message = text;
        try { message = JSON.parse(text).error.message; } catch {}
        throw new Error(message.trim() || 'HTTP ' + answer.status);
      }
      $('token-form').hidden = true;
      linkProblem = '';
      points = [];
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = '';;) {
        const {value, done} = await reader.read();
        if (done) throw new Error('The controller has ended the stream.');
        alive();
        const blocks = (rest + value).split('\n\n');
        rest = blocks.pop();
        blocks.forEach(takeBlock);
      }
    } catch (error) {
      linkProblem = error.name === 'AbortError' ? 'The controller was silent for 20 seconds.' :
          error instanceof TypeError ? 'The controller does not answer.' : error.message;
    }
    clearTimeout(watchdog);
    abort.abort();
    showSoon();
    if ($('token-form').hidden) setTimeout(follow, 1500);
  };

  $('search').addEventListener('input', showSoon);
  $('state').addEventListener('change', showSoon);
  $('token-form').addEventListener('submit', event => {
    event.preventDefault();
    const text = $('token').value.trim();
    // Of others fetch() throws, as it does when nobody answers.
    const isToken = /^[!-~]+$/.test(text);
    $('token-wrong').hidden = isToken;
    if (!isToken) return $('token').focus();
    token = text;
    $('token-form').hidden = true;
    follow();
  });
  setInterval(show, 1000);
  show();
  follow();
})();
