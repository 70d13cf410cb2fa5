"""The console's icons: 16 × 16 strokes, inlined so that they follow the text's colour."""

from django.utils.safestring import SafeString

_STROKES = {
    "overview": '<path d="M2.5 13.5v-6M6.2 13.5v-11M9.8 13.5V6M13.5 13.5V9"/>',
    "models": '<path d="M8 1.8l5.7 3.1L8 8 2.3 4.9zM2.3 8L8 11.1 13.7 8M2.3 11.1L8 14.2l5.7-3.1"/>',
    "playground": '<path d="M4.5 2.7l8.2 5.3-8.2 5.3z"/>',
    "calls": '<path d="M2 8h2.6l1.9-5 3 10 1.9-5H14"/>',
    "jobs": '<circle cx="8" cy="8" r="6"/><path d="M8 4.6V8l2.4 1.6"/>',
    "reviews": '<path d="M2.2 3.2h11.6v8H8.6L5.6 14v-2.8H2.2zM5.4 7.2l1.9 1.9 3.5-3.6"/>',
    "outages": '<path d="M2 10.5l3-3 2.2 2.2L10 5l1.6 2.4H14M2 13.8h12"/>',
    "rollouts": '<path d="M2 12.6h3.4V9.2h3.4V5.8h3.4V2.4H14"/>',
    "sources": '<circle cx="8" cy="8" r="1.6"/><path d="M4.6 4.6a4.8 4.8 0 000 6.8M11.4 4.6a4.8 4.8 0 010 6.8"/>'
    '<path d="M2.4 2.4a7.9 7.9 0 000 11.2M13.6 2.4a7.9 7.9 0 010 11.2"/>',
    "calendar": '<path d="M2.4 3.6h11.2v10H2.4zM2.4 6.8h11.2M5.2 2v2.8M10.8 2v2.8"/>',
    "repositories": '<circle cx="4.4" cy="3.6" r="1.7"/><circle cx="4.4" cy="12.4" r="1.7"/>'
    '<circle cx="11.6" cy="5.6" r="1.7"/><path d="M4.4 5.3v5.4M11.6 7.3c0 2.4-7.2 1.6-7.2 3.4"/>',
    "lab": '<path d="M6 1.9h4M6.8 1.9v4.3L3 12.4a1.2 1.2 0 001 1.8h8a1.2 1.2 0 001-1.8L9.2 6.2V1.9M4.9 9.6h6.2"/>',
    "gpus": '<rect x="4" y="4" width="8" height="8" rx="1.4"/><path d="M6.4 6.4h3.2v3.2H6.4zM6 1.8V4M10 1.8V4"/>'
    '<path d="M6 12v2.2M10 12v2.2M1.8 6H4M1.8 10H4M12 6h2.2M12 10h2.2"/>',
    "hosted": '<rect x="2.4" y="9" width="11.2" height="4.6" rx="1.2"/><path d="M4.6 9V4.6h2.8V9M8.6 9V2.4h2.8V9"/>',
    "energy": '<path d="M9 1.8L3.4 9.2H8L7 14.2l5.6-7.4H8z"/>',
    "alerts": '<path d="M3.4 11.4V7.2a4.6 4.6 0 019.2 0v4.2l1.2 1.6H2.2zM6.4 13.4a1.7 1.7 0 003.2 0"/>',
    "keys": '<circle cx="5.2" cy="10.8" r="2.9"/><path d="M7.3 8.7l6-6M11 5l1.9 1.9"/>',
    "credentials": '<rect x="3" y="7" width="10" height="6.8" rx="1.6"/><path d="M5.4 7V4.9a2.6 2.6 0 015.2 0V7"/>',
    "audit": '<path d="M3.5 1.9h6l3 3v9.2h-9zM9.3 2v3.2h3.1M5.8 8.2h4.4M5.8 11h4.4"/>',
    "settings": '<path d="M2 4.6h6.2M12.2 4.6H14M2 11.4h1.8M7.8 11.4H14"/><circle cx="10.2" cy="4.6" r="2"/>'
    '<circle cx="5.8" cy="11.4" r="2"/>',
    "search": '<circle cx="7" cy="7" r="4.5"/><path d="M10.4 10.4l3.4 3.4"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "import": '<path d="M8 10.4V2.2M4.8 5.2L8 2l3.2 3.2M2.5 13.6h11"/>',
    "export": '<path d="M8 2v8.2M4.8 7.2L8 10.4l3.2-3.2M2.5 13.6h11"/>',
    "chevron": '<path d="M6 3.5L10.5 8 6 12.5"/>',
    "down": '<path d="M3.5 6L8 10.5 12.5 6"/>',
    "up": '<path d="M3.5 10L8 5.5 12.5 10"/>',
    "left": '<path d="M10 3.5L5.5 8l4.5 4.5"/>',
    "close": '<path d="M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4"/>',
    "copy": '<rect x="5.4" y="5.4" width="8.4" height="8.4" rx="1.6"/><path d="M10.6 2.2H3.8a1.6 1.6 0'
    ' 00-1.6 1.6v6.8"/>',
    "check": '<path d="M3 8.6l3.2 3.2L13 4.6"/>',
    "warning": '<path d="M8 2.2l6.2 11H1.8zM8 6.4v3.2M8 11.5v.1"/>',
    "error": '<circle cx="8" cy="8" r="6"/><path d="M8 4.8v3.8M8 11v.1"/>',
    "info": '<circle cx="8" cy="8" r="6"/><path d="M8 7.4v3.8M8 4.9v.1"/>',
    "menu": '<path d="M2.2 4.2h11.6M2.2 8h11.6M2.2 11.8h11.6"/>',
    "more": '<path d="M3.4 8h.1M8 8h.1M12.5 8h.1" stroke-width="2.2"/>',
    "stop": '<rect x="3.8" y="3.8" width="8.4" height="8.4" rx="1.2"/>',
    "refresh": '<path d="M13.4 8a5.4 5.4 0 11-1.6-3.8M13.6 1.9v3.2h-3.2"/>',
    "probe": '<path d="M9 1.8L3.4 9.2H8l-1 5 5.6-7.4H8z"/>',
    "power": '<path d="M8 1.8v5.6M4.4 4.2a5.2 5.2 0 107.2 0"/>',
    "trash": '<path d="M2.6 4.2h10.8M6 4.2V2.4h4v1.8M4 4.2l.7 9.4h6.6l.7-9.4"/>',
    "tag": '<path d="M2.2 2.2h5.4l6.2 6.2-5.4 5.4-6.2-6.2zM5.2 5.2h.1"/>',
    "signout": '<path d="M6.2 2.4H3v11.2h3.2M10 5l3 3-3 3M13 8H6.4"/>',
    "people": '<circle cx="6" cy="5.4" r="2.6"/><path d="M1.6 13.6c.4-2.8 2-4.2 4.4-4.2s4 1.4 4.4'
    " 4.2M10.6 3a2.6 2.6 0 010 4.8"
    'M12 9.7c1.4.6 2.2 1.9 2.5 3.9"/>',
    "shield": '<path d="M8 1.8l5.2 2v4c0 3.2-2 5.2-5.2 6.4-3.2-1.2-5.2-3.2-5.2-6.4v-4z"/>',
    "help": '<circle cx="8" cy="8" r="6"/><path d="M6.2 6.3c.2-1.1.9-1.6 1.9-1.6 1.1 0 1.8.6 1.8 1.5 0'
    ' 1.4-1.9 1.4-1.9 2.8M8 11.2v.1"/>',
}

PATHS = {name: SafeString(stroke) for name, stroke in _STROKES.items()}
