"""The floor of the REST API: pages, errors, permission by verb."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """Fifty rows a page; `page_size` up to 500."""

    page_size_query_param = "page_size"
    max_page_size = 500
