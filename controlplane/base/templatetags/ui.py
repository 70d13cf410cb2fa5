"""Template tags and filters of the console; loaded in every template."""

from django import template

register = template.Library()
